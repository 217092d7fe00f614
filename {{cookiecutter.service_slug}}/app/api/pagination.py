"""Pages of a list, newest first: by cursor, or by number.

A cursor encodes the `created_at` and `id` of the last row of the previous page: every page costs the
same, and rows that are added meanwhile do not shift the next pages. Page numbers have neither
property, and need the total: use them only where a client must jump to a page.
`app.database.queries` has the queries of both.
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
    """Sort key of the last row of the previous page."""

    created_at: datetime
    id: uuid.UUID

    def encode(self) -> str:
        """Return the cursor as a string."""
        return f"{(self.created_at - EPOCH) // MICROSECOND}-{self.id.hex}"


class CursorField(fields.String):
    """Cursor in a query string, described in OpenAPI by its exact pattern."""

    # Microseconds since the epoch (until the year 2286) and the id of a row.
    PATTERN = r"^[0-9]{1,16}-[0-9a-f]{32}$"

    default_error_messages = {"invalid": "Invalid cursor."}

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"pattern": self.PATTERN, "description": "`next` of the previous page"}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if not re.fullmatch(self.PATTERN, text, re.ASCII):
            raise self.make_error("invalid")
        microseconds, _, row_id = text.partition("-")
        return Cursor(EPOCH + int(microseconds) * MICROSECOND, uuid.UUID(row_id))


class PageQuerySchema(Schema):
    """Query string of a list."""

    limit = fields.Integer(load_default=20, validate=Range(1, 100))
    cursor = CursorField(load_default=None)


class NumberedPageQuerySchema(Schema):
    """Query string of a list with page numbers."""

    # The database reads all rows before a page.
    page = fields.Integer(load_default=1, validate=Range(1, 1000))
    page_size = fields.Integer(load_default=20, validate=Range(1, 100))


def page_schema(name: str, item: type[Schema]) -> type[Schema]:
    """Return the schema of a page: a list called `name`, and the cursor of the next page."""
    metadata = {"description": "Cursor of the next page; null on the last page"}
    page_fields: dict[str, fields.Field[Any]] = {
        name: fields.List(fields.Nested(item), required=True),
        "next": fields.String(required=True, allow_none=True, metadata=metadata),
    }
    return Schema.from_dict(page_fields, name=f"{name.title()}Page")


def numbered_page_schema(name: str, item: type[Schema]) -> type[Schema]:
    """Return the schema of a page: a list called `name`, and the total number of rows."""
    page_fields: dict[str, fields.Field[Any]] = {
        name: fields.List(fields.Nested(item), required=True),
        "page": fields.Integer(required=True),
        "page_size": fields.Integer(required=True),
        "total": fields.Integer(required=True, metadata={"description": "Rows of all pages"}),
    }
    return Schema.from_dict(page_fields, name=f"{name.title()}NumberedPage")
