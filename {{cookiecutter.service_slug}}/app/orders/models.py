"""SQLAlchemy models of orders, their items, and idempotency keys."""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database.base import Money, UtcDateTime, now
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


class Order(Model):
    """An order with its items."""

    __tablename__ = "orders"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    status: Mapped[str] = mapped_column(String(16), default=OrderStatus.PENDING)
    currency: Mapped[str] = mapped_column(String(3))
    total: Mapped[Decimal] = mapped_column(Money)
    reference: Mapped[str | None] = mapped_column(String(80))
    charge_id: Mapped[str | None] = mapped_column(String(80))
    refunded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
    version: Mapped[int] = mapped_column()

    # selectin loads the items of a whole page of orders with one query.
    items: Mapped[list["OrderItem"]] = relationship(
        order_by="OrderItem.id", lazy="selectin", cascade="all, delete-orphan"
    )

    {% if cookiecutter.auth != "none" %}
    # Null for orders placed before the service had users.
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))

    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "status", "created_at"),
        Index(None, "owner_id", "created_at", "id"),
    )
    {% else %}
    __table_args__ = (Index(None, "created_at", "id"), Index(None, "status", "created_at"))
    {% endif %}
    # Raise StaleDataError if a concurrent transaction has updated the row.
    __mapper_args__ = {"version_id_col": version}


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


class IdempotencyKey(Model):
    """An Idempotency-Key and its response, which is null while the request is in flight."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    order_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), index=True
    )
    response: Mapped[str | None] = mapped_column(Text)
    locked_until: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
