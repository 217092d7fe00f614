"""Which orders a request may see."""

from sqlalchemy import Select, select

from app.orders.models import Order


def visible_orders() -> Select[Order]:
    """Select every order."""
    return select(Order)
