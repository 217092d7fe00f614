"""What can be done with orders once they are placed."""

import uuid
from collections.abc import Sequence
from typing import Any

from flask_smorest import abort
from sqlalchemy import or_, select
from sqlalchemy.orm.exc import StaleDataError

from app.clients.payments import PaymentUnavailable
from app.database import db
from app.orders import checkout
from app.orders.models import TRANSITIONS, Order, OrderStatus
from app.orders.pagination import Cursor


def find_order(order_id: uuid.UUID) -> Order:
    """Return the order; aborts with 404 where there is none."""
    return db.session.get(Order, order_id) or abort(404, message="There is no such order.")


def list_orders(limit: int, cursor: Cursor | None) -> tuple[Sequence[Order], Cursor | None]:
    """Return at most `limit` orders, newest first, and the cursor of the page after, if any."""
    query = select(Order).order_by(Order.created_at.desc(), Order.id.desc()).limit(limit + 1)
    if cursor:
        # Spelt so that every database reads it as a range of the index, which a tuple is not to all.
        query = query.where(
            Order.created_at <= cursor.created_at,
            or_(Order.created_at < cursor.created_at, Order.id < cursor.id),
        )
    orders = db.session.scalars(query).all()
    if len(orders) <= limit:
        return orders, None
    last = orders[limit - 1]
    return orders[:limit], Cursor(last.created_at, last.id)


def change_order(order: Order, changes: dict[str, Any]) -> Order:
    """Apply `changes`; aborts with 409 on a status that cannot follow, 412 when it was outrun."""
    status = changes.get("status", order.status)
    if status != order.status and status not in TRANSITIONS[OrderStatus(order.status)]:
        abort(409, message=f"An order that is {order.status} cannot become {status}.")
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
        abort(412, message="The order has changed meanwhile: get it again.")
