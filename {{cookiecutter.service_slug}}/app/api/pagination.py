"""Lists in pages by keyset: an opaque cursor names the last row of the page before.

Every page costs the same, and rows that are added meanwhile do not shift the pages after them. Rows are
sorted by `created_at` and `id`.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from marshmallow import Schema, fields
from marshmallow.validate import Range

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Cursor(NamedTuple):
    """The sort key of the last row of the page before."""

    created_at: datetime
    id: uuid.UUID

    def encode(self) -> str:
        """Return the cursor as text."""
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
        microseconds, _, row_id = text.partition("-")
        return Cursor(EPOCH + int(microseconds) * MICROSECOND, uuid.UUID(row_id))


class PageQuerySchema(Schema):
    """The query string of a list."""

    limit = fields.Integer(load_default=20, validate=Range(1, 100))
    cursor = CursorField(load_default=None)


def page_schema(name: str, item: type[Schema]) -> type[Schema]:
    """Return the schema of a page: a list called `name`, and the cursor of the next page."""
    following = {"description": "Cursor of the next page; null on the last one"}
    members: dict[str, fields.Field[Any]] = {
        name: fields.List(fields.Nested(item), required=True),
        "next": fields.String(required=True, allow_none=True, metadata=following),
    }
    return Schema.from_dict(members, name=f"{name.title()}Page")
