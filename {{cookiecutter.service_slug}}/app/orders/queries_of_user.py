"""Which orders a request may see."""

from sqlalchemy import Select, select

from app.auth.users.accounts import current_user_id
from app.orders.models import Order


def visible_orders() -> Select[Order]:
    """Select the current user's orders; none where there is no current user."""
    # Compared with None alone, SQLAlchemy would select the orders that have no owner.
    is_owned = Order.owner_id.is_not(None)
    return select(Order).where(Order.owner_id == current_user_id(), is_owned)
