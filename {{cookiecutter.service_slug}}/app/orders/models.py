"""SQLAlchemy models of orders and their items."""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database.base import Money, Timestamps, UtcDateTime, Versioned
{% if cookiecutter.auth != "none" %}
from app.database.owners import Owned
{% endif %}
from app.extensions import Model


class OrderStatus(StrEnum):
    """Status of an order."""

    PENDING = "pending"
    PAID = "paid"
    DECLINED = "declined"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


# The statuses that each status can change to.
TRANSITIONS = {
    OrderStatus.PENDING: {OrderStatus.PAID, OrderStatus.DECLINED},
    OrderStatus.PAID: {OrderStatus.SHIPPED, OrderStatus.CANCELLED},
    OrderStatus.DECLINED: {OrderStatus.CANCELLED},
    OrderStatus.SHIPPED: set(),
    OrderStatus.CANCELLED: set(),
}


{% if cookiecutter.auth != "none" %}
class Order(Owned, Timestamps, Versioned, Model):
{% else %}
class Order(Timestamps, Versioned, Model):
{% endif %}
    """An order with its items."""

    __tablename__ = "orders"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    status: Mapped[str] = mapped_column(String(16), default=OrderStatus.PENDING)
    currency: Mapped[str] = mapped_column(String(3))
    total: Mapped[Decimal] = mapped_column(Money)
    reference: Mapped[str | None] = mapped_column(String(80))
    charge_id: Mapped[str | None] = mapped_column(String(80))
    refunded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # selectin loads the items of a whole page of orders with one query.
    items: Mapped[list["OrderItem"]] = relationship(
        order_by="OrderItem.id", lazy="selectin", cascade="all, delete-orphan"
    )

    __table_args__ = (Index(None, "created_at", "id"), Index(None, "status", "created_at"))


class OrderItem(Model):
    """An article of an order, with its quantity and unit price."""

    __tablename__ = "order_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), index=True
    )
    sku: Mapped[str] = mapped_column(String(64))
    quantity: Mapped[int]
    unit_price: Mapped[Decimal] = mapped_column(Money)
