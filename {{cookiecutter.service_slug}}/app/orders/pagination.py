"""The list of orders, page by page: an opaque cursor says where a page begins, by keyset.

A page costs the same wherever it lies, and orders placed meanwhile shift none of those after it.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from marshmallow import Schema, fields
from marshmallow.validate import Range

from app.orders.schemas import OrderSchema

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Cursor(NamedTuple):
    """The last order of the page before; its fields are the sort key."""

    created_at: datetime
    id: uuid.UUID

    def encode(self) -> str:
        """Return the cursor as a client sees it."""
        return f"{(self.created_at - EPOCH) // MICROSECOND}-{self.id.hex}"


class CursorField(fields.String):
    """A cursor in a query string. OpenAPI describes exactly what it takes."""

    # Microseconds, until the year 2286, and an id.
    PATTERN = r"^[0-9]{1,16}-[0-9a-f]{32}$"

    default_error_messages = {"invalid": "Invalid cursor."}

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"pattern": self.PATTERN, "description": "`next` of the page before"}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if not re.fullmatch(self.PATTERN, text, re.ASCII):
            raise self.make_error("invalid")
        microseconds, _, order_id = text.partition("-")
        return Cursor(EPOCH + int(microseconds) * MICROSECOND, uuid.UUID(order_id))


class PageQuerySchema(Schema):
    """Which page of the list."""

    limit = fields.Integer(load_default=20, validate=Range(1, 100))
    cursor = CursorField(load_default=None)


class PageSchema(Schema):
    """A page of orders, newest first."""

    orders = fields.List(fields.Nested(OrderSchema), required=True)
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Cursor of the page after"}
    )
