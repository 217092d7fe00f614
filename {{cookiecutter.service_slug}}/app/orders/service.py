"""What can be done with orders, apart from HTTP."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, tuple_

from app.database import db
from app.orders.models import Order, OrderItem
from app.orders.pagination import Cursor
from app.orders.pricing import total


def place_order(currency: str, items: list[dict[str, Any]]) -> Order:
    """Price an order and store it."""
    order = Order(
        currency=currency, items=[OrderItem(**item) for item in items], total=total(items)
    )
    db.session.add(order)
    db.session.commit()
    return order


def find_order(order_id: uuid.UUID) -> Order | None:
    """Return the order, or None where there is none."""
    return db.session.get(Order, order_id)


def list_orders(limit: int, cursor: Cursor | None) -> tuple[Sequence[Order], Cursor | None]:
    """Return at most `limit` orders, newest first, and the cursor of the page after, if any."""
    sort_key = tuple_(Order.created_at, Order.id)
    query = select(Order).order_by(Order.created_at.desc(), Order.id.desc()).limit(limit + 1)
    if cursor:
        query = query.where(sort_key < cursor)
    orders = db.session.scalars(query).all()
    if len(orders) <= limit:
        return orders, None
    last = orders[limit - 1]
    return orders[:limit], Cursor(last.created_at, last.id)
