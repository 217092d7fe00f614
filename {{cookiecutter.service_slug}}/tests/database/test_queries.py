import uuid
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import NotFound

from app.api.pagination import CursorField
from app.database.base import now
from app.database.queries import find_or_404, paginate, paginate_by_number
from app.extensions import db
from tests.database.notes import Note, notes_table

__all__ = ["notes_table"]

pytestmark = pytest.mark.usefixtures("app_context", "notes_table")


def add_notes(ages: list[int]) -> list[uuid.UUID]:
    """Replace the notes by ones of these ages in seconds, and return their ids, newest first."""
    db.session.execute(delete(Note))
    start = now()
    notes = [
        Note(id=uuid.uuid4(), text=str(number), created_at=start - timedelta(seconds=age))
        for number, age in enumerate(ages)
    ]
    db.session.add_all(notes)
    db.session.commit()
    notes.sort(key=lambda note: (note.created_at, note.id), reverse=True)
    return [note.id for note in notes]


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(ages=st.lists(st.integers(0, 3), max_size=8), limit=st.integers(1, 4))
def test_pages_list_every_row_once_newest_first(ages: list[int], limit: int) -> None:
    ids = add_notes(ages)
    listed: list[uuid.UUID] = []
    rows, cursor = paginate(Note, limit, None)
    listed += [note.id for note in rows]
    while cursor:
        assert len(rows) == limit
        rows, cursor = paginate(Note, limit, CursorField().deserialize(cursor))
        listed += [note.id for note in rows]
    assert listed == ids

    numbered: list[uuid.UUID] = []
    for page in range(1, len(ids) // limit + 2):
        rows, total = paginate_by_number(Note, page, limit)
        assert total == len(ids)
        numbered += [note.id for note in rows]
    assert numbered == ids


def test_a_query_restricts_the_rows() -> None:
    ids = add_notes([0, 1, 2])
    query = select(Note).where(Note.id != ids[1])
    assert [note.id for note in paginate(Note, 5, None, query=query)[0]] == [ids[0], ids[2]]
    rows, total = paginate_by_number(Note, 1, 5, query=query)
    assert ([note.id for note in rows], total) == ([ids[0], ids[2]], 2)
    assert find_or_404(Note, ids[0], query=query).id == ids[0]
    with pytest.raises(NotFound) as refusal:
        find_or_404(Note, ids[1], query=query)
    assert refusal.value.data["message"] == "The note does not exist."  # type: ignore[attr-defined]


def test_an_update_sets_updated_at() -> None:
    add_notes([0])
    note = db.session.scalars(select(Note)).one()
    before = note.updated_at
    note.text = "changed"
    db.session.commit()
    assert note.updated_at > before
    assert note.updated_at > note.created_at


def test_a_concurrent_change_of_a_versioned_row_is_found() -> None:
    add_notes([0])
    note = db.session.scalars(select(Note)).one()
    with db.engine.begin() as connection:
        connection.execute(Note.__table__.update().values(version=7))  # type: ignore[attr-defined]
    note.text = "overwritten"
    with pytest.raises(StaleDataError):
        db.session.commit()
    db.session.rollback()
