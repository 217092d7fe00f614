"""Change and cancel orders."""

from typing import Any

from app.api import abort
from app.clients.payments import PaymentUnavailable
from app.extensions import db
from app.orders import checkout
from app.orders.models import TRANSITIONS, Order, OrderStatus


def change_order(order: Order, changes: dict[str, Any]) -> Order:
    """Apply and commit `changes`; abort with 409 if the status cannot change to the new one."""
    status = changes.get("status", order.status)
    if status != order.status and status not in TRANSITIONS[OrderStatus(order.status)]:
        abort(409, f"An order that is {order.status} cannot become {status}.")
    for name, value in changes.items():
        setattr(order, name, value)
    db.session.commit()
    return order


def cancel_order(order: Order) -> None:
    """Cancel the order and refund its charge; `flask orders settle` repeats a refund that fails."""
    change_order(order, {"status": OrderStatus.CANCELLED})
    try:
        checkout.settle_payment(order)
        db.session.commit()
    except PaymentUnavailable:
        db.session.rollback()
