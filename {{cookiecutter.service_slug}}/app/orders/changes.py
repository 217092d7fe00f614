"""Changes of an order after it is placed."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf
from sqlalchemy.orm.exc import StaleDataError

from app.api import FullMatch, abort
from app.clients.payments import PaymentUnavailable
from app.extensions import db
from app.orders import checkout
from app.orders.models import TRANSITIONS, Order, OrderStatus
from app.orders.schemas import REFERENCE


class OrderChangeSchema(Schema):
    """What a client may change in an order; the rest is fixed once it is placed."""

    status = fields.String(validate=OneOf(["shipped"]))
    reference = fields.String(allow_none=True, validate=FullMatch(REFERENCE))


def change_order(order: Order, changes: dict[str, Any]) -> Order:
    """Apply `changes`; aborts with 409 on a status that cannot follow, 412 when it was outrun."""
    status = changes.get("status", order.status)
    if status != order.status and status not in TRANSITIONS[OrderStatus(order.status)]:
        abort(409, f"An order that is {order.status} cannot become {status}.")
    for name, value in changes.items():
        setattr(order, name, value)
    commit_version()
    return order


def cancel_order(order: Order) -> None:
    """Cancel the order, then give its charge back; `flask orders settle` does what is left of it."""
    change_order(order, {"status": OrderStatus.CANCELLED})
    try:
        checkout.settle(order)
        commit_version()
    except PaymentUnavailable:
        db.session.rollback()


def commit_version() -> None:
    """Commit; aborts with 412 when another editor was first."""
    try:
        db.session.commit()
    except StaleDataError:
        db.session.rollback()
        abort(412, "The order has changed meanwhile: get it again.")
