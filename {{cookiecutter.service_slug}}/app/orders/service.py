"""Finding orders again."""

import uuid
from collections.abc import Sequence

from flask_smorest import abort
from sqlalchemy import or_

from app.database import db
from app.orders.models import Order
from app.orders.pagination import Cursor
from app.orders.queries import visible_orders


def find_order(order_id: uuid.UUID) -> Order:
    """Return the order; aborts with 404 where the client can see none."""
    order: Order | None = db.session.scalar(visible_orders().where(Order.id == order_id))
    return order or abort(404, message="There is no such order.")


def list_orders(limit: int, cursor: Cursor | None) -> tuple[Sequence[Order], Cursor | None]:
    """Return at most `limit` orders, newest first, and the cursor of the page after, if any."""
    query = visible_orders().order_by(Order.created_at.desc(), Order.id.desc()).limit(limit + 1)
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
