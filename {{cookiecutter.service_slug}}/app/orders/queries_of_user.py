"""Query orders."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, or_, select

from app.api import abort
from app.api.pagination import Cursor
from app.auth.users import current_user_id
from app.extensions import db
from app.orders.models import Order


def visible_orders() -> Select[Order]:
    """Select the current user's orders; without a user, select none."""
    # SQLAlchemy translates `owner_id == None` to IS NULL: exclude the orders without an owner.
    is_owned = Order.owner_id.is_not(None)
    return select(Order).where(Order.owner_id == current_user_id(), is_owned)


def build_order(**columns: Any) -> Order:
    """Return a new order of the current user; raise `LookupError` without one.

    A job or a command sets `g.identity` to the user that it acts for.
    """
    owner_id = current_user_id()
    if owner_id is None:
        raise LookupError("An order needs an owner: g.identity is not set.")
    return Order(owner_id=owner_id, **columns)


def find_order(order_id: uuid.UUID) -> Order:
    """Return the current user's order; abort with 404 if there is none with this id."""
    order: Order | None = db.session.scalar(visible_orders().where(Order.id == order_id))
    return order or abort(404, "The order does not exist.")


def list_orders(limit: int, cursor: Cursor | None) -> tuple[Sequence[Order], Cursor | None]:
    """Return up to `limit` orders, newest first, and the cursor of the next page, if any."""
    query = visible_orders().order_by(Order.created_at.desc(), Order.id.desc()).limit(limit + 1)
    if cursor:
        # Some databases do not use the index to compare tuples.
        query = query.where(
            Order.created_at <= cursor.created_at,
            or_(Order.created_at < cursor.created_at, Order.id < cursor.id),
        )
    orders = db.session.scalars(query).all()
    if len(orders) <= limit:
        return orders, None
    last = orders[limit - 1]
    return orders[:limit], Cursor(last.created_at, last.id)
