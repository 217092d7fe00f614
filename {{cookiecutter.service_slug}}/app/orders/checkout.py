"""Place and pay orders: no charge without an order, and no paid order without a charge.

1. Store the order as pending, in one transaction with its Idempotency-Key.
2. Charge it. The request to the provider carries the order's id, which makes it safe to repeat.
3. Store the order as paid or declined, in one transaction with the response for the key.

If the provider does not answer, the client gets 503 and the order stays pending. It also stays
pending if the process dies or the database fails after step 1. Two things complete a pending order:
the client's next request with the same key, after the lock of the dead request has expired, and
`flask orders settle`. A refund takes the same steps: store the order as cancelled, refund it, store
the time of the refund.
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
from app.orders.pricing import calculate_total, minor_unit
from app.orders.queries import build_order
from app.orders.schemas import OrderSchema

# Must outlast a call to the payment provider and the statements before and after it.
LOCK_DURATION = timedelta(seconds=payments.LONGEST_CALL + 5)
KEY_LIFETIME = timedelta(hours=24)
RETRY_AFTER = {"Retry-After": "2"}


def place_order(order: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Store and charge an order, and return its representation.

    A repeated `key` returns the stored response. Abort with 409 while another request with the key
    is in flight, and with 422 if the key was used for another order. Raise what `payments.charge`
    raises.
    """
    if key is None:
        return complete_order(store_order(order), None)
    canonical = json.dumps(order, sort_keys=True, default=str)
    fingerprint = hashlib.sha256(canonical.encode()).hexdigest()
    record = db.session.get(IdempotencyKey, key)
    if record and record.expires_at < now():
        db.session.delete(record)
        db.session.flush()
        record = None
    if record is None:
        record = IdempotencyKey(
            key=key,
            fingerprint=fingerprint,
            locked_until=now() + LOCK_DURATION,
            expires_at=now() + KEY_LIFETIME,
        )
        try:
            placed = store_order(order, record)
        except IntegrityError:
            db.session.rollback()
            if db.session.get(IdempotencyKey, key) is None:  # another constraint failed
                raise
            abort_in_flight()
        return complete_order(placed, record)
    if record.fingerprint != fingerprint:
        abort(422, errors={"headers": {"Idempotency-Key": ["Was used for another order."]}})
    if record.response is None:
        take_over_key(record)
        return complete_order(db.session.get_one(Order, record.order_id), record)
    return require_not_declined(json.loads(record.response))


@retry_on_conflict
def store_order(order: dict[str, Any], record: IdempotencyKey | None = None) -> Order:
    """Step 1: store the order as pending, and its key."""
    placed = build_order(
        currency=order["currency"],
        reference=order.get("reference"),
        items=[OrderItem(**item) for item in order["items"]],
        total=calculate_total(order["items"]),
    )
    db.session.add(placed)
    db.session.flush()
    if record:
        record.order_id = placed.id
        db.session.add(record)
    db.session.commit()
    return placed


def take_over_key(record: IdempotencyKey) -> None:
    """Lock the key of a request that died; abort with 409 while that request's lock is valid."""
    if record.locked_until > now():
        abort_in_flight()
    unchanged = update(IdempotencyKey).where(
        IdempotencyKey.key == record.key, IdempotencyKey.locked_until == record.locked_until
    )
    lock = unchanged.values(locked_until=now() + LOCK_DURATION)
    result = cast(
        "CursorResult[Any]",
        db.session.execute(lock.execution_options(synchronize_session=False)),
    )
    db.session.commit()
    if result.rowcount != 1:
        abort_in_flight()


def abort_in_flight() -> NoReturn:
    """Abort with 409: another request with the same key is in flight."""
    abort(409, "A request with this Idempotency-Key is in flight.", headers=RETRY_AFTER)


def complete_order(order: Order, record: IdempotencyKey | None) -> dict[str, Any]:
    """Steps 2 and 3: charge the order, then store its status and the response for its key."""
    try:
        settle_payment(order)
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
    except StaleDataError:  # another process settled the order
        db.session.rollback()
        abort(409, "The order is being settled.", headers=RETRY_AFTER)
    count_order(order.status, order.total, order.currency)
    return require_not_declined(body)


def settle_payment(order: Order) -> None:
    """Charge a pending order, or refund a cancelled one; the caller commits."""
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


def require_not_declined(body: dict[str, Any]) -> dict[str, Any]:
    """Return an order's representation; raise `PaymentDeclined` if its payment was declined."""
    if body["status"] == OrderStatus.DECLINED:
        raise payments.PaymentDeclined
    return body


def settle_orders(older_than: timedelta) -> tuple[int, int, int]:
    """Complete interrupted payments and refunds, and delete expired keys.

    Each order has its own transaction: a failure is logged, and the next order follows. Return the
    numbers of orders that were settled, that wait for the provider, and that failed.
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
            settle_payment(db.session.get_one(Order, order_id))
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
            current_app.logger.exception("cannot settle order %s", order_id)
            failed += 1
    db.session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at < now()))
    db.session.commit()
    return settled, waiting, failed
