"""Change and cancel orders."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf
from sqlalchemy.orm.exc import StaleDataError

from app.api import FullMatch, abort
from app.clients.payments import PaymentUnavailable
from app.extensions import db
from app.orders import checkout
from app.orders.models import TRANSITIONS, Order, OrderStatus
from app.orders.schemas import REFERENCE_PATTERN


class OrderChangeSchema(Schema):
    """The fields of an order that a client may change."""

    status = fields.String(validate=OneOf(["shipped"]))
    reference = fields.String(allow_none=True, validate=FullMatch(REFERENCE_PATTERN))


def change_order(order: Order, changes: dict[str, Any]) -> Order:
    """Apply and commit `changes`; abort with 409 if the status cannot change to the new one."""
    status = changes.get("status", order.status)
    if status != order.status and status not in TRANSITIONS[OrderStatus(order.status)]:
        abort(409, f"An order that is {order.status} cannot become {status}.")
    for name, value in changes.items():
        setattr(order, name, value)
    commit_change()
    return order


def cancel_order(order: Order) -> None:
    """Cancel the order and refund its charge; `flask orders settle` repeats a refund that fails."""
    change_order(order, {"status": OrderStatus.CANCELLED})
    try:
        checkout.settle_payment(order)
        commit_change()
    except PaymentUnavailable:
        db.session.rollback()


def commit_change() -> None:
    """Commit; abort with 412 if a concurrent request changed the order first."""
    try:
        db.session.commit()
    except StaleDataError:
        db.session.rollback()
        abort(412, "Another request changed the order. Get the order again.")
