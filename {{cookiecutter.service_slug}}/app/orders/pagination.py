"""The list of orders, page by page: an opaque cursor says where a page begins, by keyset.

A page costs the same wherever it lies, and orders placed meanwhile shift none of those after it.
"""

import binascii
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any, NamedTuple

from marshmallow import Schema, fields
from marshmallow.validate import Range

from app.orders.schemas import OrderSchema


class Cursor(NamedTuple):
    """The last order of the page before; its fields are the sort key."""

    created_at: datetime
    id: uuid.UUID

    def encode(self) -> str:
        """Return the cursor as a client sees it."""
        return urlsafe_b64encode(f"{self.created_at.isoformat()} {self.id}".encode()).decode()


def decode_cursor(text: str) -> Cursor:
    """Read what `Cursor.encode` wrote; raises `ValueError` for anything else."""
    try:
        created_at, _, order_id = urlsafe_b64decode(text).decode().partition(" ")
        return Cursor(datetime.fromisoformat(created_at).astimezone(UTC), uuid.UUID(order_id))
    except (binascii.Error, ArithmeticError) as error:
        raise ValueError("not a cursor") from error


class CursorField(fields.String):
    """A cursor in a query string."""

    default_error_messages = {"invalid": "Not a cursor of this list."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return decode_cursor(super()._deserialize(value, attr, data, **kwargs))
        except ValueError as error:
            raise self.make_error("invalid") from error


class PageQuerySchema(Schema):
    """Which page of the list."""

    limit = fields.Integer(load_default=20, validate=Range(1, 100))
    cursor = CursorField(load_default=None, metadata={"description": "`next` of the page before"})


class PageSchema(Schema):
    """A page of orders, newest first."""

    orders = fields.List(fields.Nested(OrderSchema), required=True)
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Cursor of the page after"}
    )
