import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields

from app.api.pagination import (
    Cursor,
    CursorField,
    NumberedPageQuerySchema,
    PageQuerySchema,
    numbered_page_schema,
    page_schema,
)


class NoteSchema(Schema):
    text = fields.String()


@given(
    created_at=st.datetimes(datetime(1970, 1, 1), datetime(2286, 1, 1), timezones=st.just(UTC)),
    row_id=st.uuids(),
)
def test_a_cursor_survives_its_encoding(created_at: datetime, row_id: uuid.UUID) -> None:
    cursor = Cursor(created_at, row_id)
    assert CursorField().deserialize(cursor.encode()) == cursor


@pytest.mark.parametrize(
    "text", ["", "7", "7-x", f"-7-{'0' * 32}", f"7-{'0' * 32}\n", "7-" + "０" * 32]
)
def test_an_invalid_cursor_is_rejected(text: str) -> None:
    with pytest.raises(ValidationError):
        PageQuerySchema().load({"cursor": text})


@pytest.mark.parametrize(
    "query", [{"page": 0}, {"page": 1001}, {"page_size": 0}, {"page_size": 101}, {"cursor": "7"}]
)
def test_a_page_number_is_bounded(query: dict[str, object]) -> None:
    assert NumberedPageQuerySchema().load({}) == {"page": 1, "page_size": 20}
    with pytest.raises(ValidationError):
        NumberedPageQuerySchema().load(query)


def test_a_page_is_dumped_with_its_rows() -> None:
    rows = [{"text": "tea"}]
    page = {"notes": rows, "next": None}
    assert page_schema("notes", NoteSchema)().dump(page) == page
    page = {"notes": rows, "page": 1, "page_size": 20, "total": 1}
    assert numbered_page_schema("notes", NoteSchema)().dump(page) == page
