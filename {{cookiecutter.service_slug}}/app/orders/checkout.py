"""From an order to its payment: no charge without an order, no order paid without a charge.

1. The order is stored as pending, in one transaction with its Idempotency-Key. From here on it can
   be found, whatever happens.
2. The provider is asked to charge it. The request carries the order's id, so that repeating it
   charges nothing twice.
3. The order is stored as paid or declined, in one transaction with the response for the key.

When the provider does not answer, the client gets 503 and the order stays pending. When the process
dies, or the database goes away, between any two of these, so does the order. Either way the same
steps finish it: the client's next request with its key, once the lock of the dead one has run out,
or `flask orders settle`. A refund is made the same way: cancelled first, then refunded, then noted.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any, NoReturn, cast

from flask import current_app
from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app.api import abort
from app.clients import payments
from app.database.base import now
from app.database.transactions import retry_on_conflict
from app.extensions import db
from app.orders.metrics import count_order
from app.orders.models import IdempotencyKey, Order, OrderItem, OrderStatus
from app.orders.pricing import minor_unit, total
from app.orders.schemas import OrderSchema

# Longer than a call to the payment provider may take, and the statements before and after it.
LOCK = timedelta(seconds=payments.LONGEST_CALL + 5)
LIFETIME = timedelta(hours=24)
RETRY_AFTER = {"Retry-After": "2"}


def place_order(order: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Store, charge and return an order, as its representation.

    With a `key` that was used before, return the response of then. Aborts with 409 while the key is
    in flight, 422 when it belongs to another order; raises what `payments.charge` raises.
    """
    if key is None:
        return complete(store(order), None)
    canonical = json.dumps(order, sort_keys=True, default=str)
    fingerprint = hashlib.sha256(canonical.encode()).hexdigest()
    record = db.session.get(IdempotencyKey, key)
    if record and record.expires_at < now():
        db.session.delete(record)
        db.session.flush()
        record = None
    if record is None:
        record = IdempotencyKey(
            key=key, fingerprint=fingerprint, locked_until=now() + LOCK, expires_at=now() + LIFETIME
        )
        try:
            placed = store(order, record)
        except IntegrityError:
            db.session.rollback()
            if db.session.get(IdempotencyKey, key) is None:  # refused for another reason
                raise
            refuse_in_flight()
        return complete(placed, record)
    if record.fingerprint != fingerprint:
        abort(422, errors={"headers": {"Idempotency-Key": ["Was used for another order."]}})
    if record.response is None:
        take_over(record)
        return complete(db.session.get_one(Order, record.order_id), record)
    return answer(json.loads(record.response))


@retry_on_conflict
def store(order: dict[str, Any], record: IdempotencyKey | None = None) -> Order:
    """Step 1: keep the order as pending, and its key with it."""
    placed = Order(
        currency=order["currency"],
        reference=order.get("reference"),
        items=[OrderItem(**item) for item in order["items"]],
        total=total(order["items"]),
    )
    db.session.add(placed)
    db.session.flush()
    if record:
        record.order_id = placed.id
        db.session.add(record)
    db.session.commit()
    return placed


def take_over(record: IdempotencyKey) -> None:
    """Lock a key whose request died; aborts with 409 while it may still be alive."""
    if record.locked_until > now():
        refuse_in_flight()
    taken = update(IdempotencyKey).where(
        IdempotencyKey.key == record.key, IdempotencyKey.locked_until == record.locked_until
    )
    result = cast(
        "CursorResult[Any]",
        db.session.execute(
            taken.values(locked_until=now() + LOCK).execution_options(synchronize_session=False)
        ),
    )
    db.session.commit()
    if result.rowcount != 1:
        refuse_in_flight()


def refuse_in_flight() -> NoReturn:
    """Abort with 409: another request is at work on the same key."""
    abort(409, "A request with this Idempotency-Key is in flight.", headers=RETRY_AFTER)


def complete(order: Order, record: IdempotencyKey | None) -> dict[str, Any]:
    """Steps 2 and 3: charge the order, and keep what came of it."""
    try:
        settle(order)
    except payments.PaymentUnavailable:
        if record:
            record.locked_until = now()
            db.session.commit()
        raise
    body = cast("dict[str, Any]", OrderSchema().dump(order))
    if record:
        record.response = json.dumps(body)
    try:
        db.session.commit()
    except StaleDataError:  # settled by somebody else meanwhile, to the same end
        db.session.rollback()
        abort(409, "The order is being settled.", headers=RETRY_AFTER)
    count_order(order.status, order.total, order.currency)
    return answer(body)


def settle(order: Order) -> None:
    """Bring an order's payment to where its status says; the caller commits."""
    if order.status == OrderStatus.PENDING:
        amount = order.total.quantize(minor_unit(order.currency))
        try:
            order.charge_id = payments.charge(order.id, amount, order.currency)
            order.status = OrderStatus.PAID
        except payments.PaymentDeclined:
            order.status = OrderStatus.DECLINED
    if order.status == OrderStatus.CANCELLED and order.charge_id and not order.refunded_at:
        payments.refund(order.id, order.charge_id)
        order.refunded_at = now()


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """Return the representation of a paid order; raises `PaymentDeclined` for a declined one."""
    if body["status"] == OrderStatus.DECLINED:
        raise payments.PaymentDeclined
    return body


def settle_all(older_than: timedelta) -> tuple[int, int, int]:
    """Finish what was interrupted, and delete the keys that have expired.

    Each order is settled on its own: what fails for one is logged, and the others go on. Returns
    how many were settled, how many wait for the provider, and how many failed.
    """
    settled = waiting = failed = 0
    unpaid = Order.status == OrderStatus.PENDING
    refundable = (Order.status == OrderStatus.CANCELLED) & Order.charge_id.is_not(None)
    unsettled = select(Order.id).where(
        unpaid | (refundable & Order.refunded_at.is_(None)),
        Order.updated_at <= now() - older_than,
    )
    for order_id in db.session.scalars(unsettled).all():
        try:
            settle(db.session.get_one(Order, order_id))
            db.session.commit()
            settled += 1
        except payments.InvalidReceipt:
            db.session.rollback()
            failed += 1
        except (payments.PaymentUnavailable, StaleDataError):
            db.session.rollback()
            waiting += 1
        except Exception:
            db.session.rollback()
            current_app.logger.exception("order %s cannot be settled", order_id)
            failed += 1
    db.session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at < now()))
    db.session.commit()
    return settled, waiting, failed
