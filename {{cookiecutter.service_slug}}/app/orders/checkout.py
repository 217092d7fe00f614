"""Place and pay orders: no charge without an order, and no paid order without a charge.

1. Store the order as pending, in one transaction with its Idempotency-Key.
2. Charge it. The request to the provider carries the order's id, which makes it safe to repeat.
3. Store the order as paid, in one transaction with the response for the key; or as declined.

If the provider does not answer, the client gets 503 and the order stays pending. It also stays
pending if the process dies or the database fails after step 1. Two things complete a pending order:
the client's next request with the same key, after the lock of the dead request has expired, and
`flask orders settle`. A refund takes the same steps: store the order as cancelled, refund it, store
the time of the refund.
"""

import uuid
from datetime import timedelta
from typing import Any

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError

from app.api import abort
from app.clients import payments
from app.database.base import now
from app.extensions import db
from app.orders.metrics import count_order
from app.orders.models import Order, OrderItem, OrderStatus
from app.orders.pricing import calculate_total, minor_unit

# Of an Idempotency-Key: must outlast a call to the payment provider and the statements around it.
LOCK_DURATION = timedelta(seconds=payments.LONGEST_CALL + 5)


def place_order(order: dict[str, Any], order_id: uuid.UUID, *, resumed: bool = False) -> Order:
    """Store and charge an order; the caller commits the result. A `resumed` one is stored already.

    Raise what `payments.charge` raises.
    """
    placed = db.session.get_one(Order, order_id) if resumed else store_order(order, order_id)
    settle_payment(placed)
    try:
        if placed.status == OrderStatus.DECLINED:
            db.session.commit()
            raise payments.PaymentDeclined
        db.session.flush()
    except StaleDataError:  # another process settled the order
        db.session.rollback()
        abort(409, "The order is being settled.", headers={"Retry-After": "2"})
    return placed


def store_order(order: dict[str, Any], order_id: uuid.UUID) -> Order:
    """Step 1: store the order as pending, and its key."""
    placed = Order(
        id=order_id,
        currency=order["currency"],
        reference=order.get("reference"),
        items=[OrderItem(**item) for item in order["items"]],
        total=calculate_total(order["items"]),
    )
    db.session.add(placed)
    db.session.commit()
    return placed


def settle_payment(order: Order) -> None:
    """Charge a pending order, or refund a cancelled one; the caller commits."""
    if order.status == OrderStatus.PENDING:
        amount = order.total.quantize(minor_unit(order.currency))
        try:
            order.charge_id = payments.charge(order.id, amount, order.currency)
            order.status = OrderStatus.PAID
        except payments.PaymentDeclined:
            order.status = OrderStatus.DECLINED
        count_order(order.status, amount, order.currency)
    if order.status == OrderStatus.CANCELLED and order.charge_id and not order.refunded_at:
        payments.refund(order.id, order.charge_id)
        order.refunded_at = now()


def settle_orders(older_than: timedelta) -> tuple[int, int, int]:
    """Complete interrupted payments and refunds.

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
    return settled, waiting, failed
