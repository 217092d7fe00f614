"""Rows of another user cannot be found, listed or counted."""

import uuid
from collections.abc import Iterator

import pytest
from flask import Flask, g
from sqlalchemy import MetaData, select
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.exceptions import NotFound

from app.auth.identity import Identity
from app.auth.users import User
from app.database.base import Timestamps
from app.database.owners import Owned, owned_by_caller
from app.database.queries import find_or_404, paginate, paginate_by_number
from app.extensions import Model, db


class OwnedModel(Model):
    """Base class with its own metadata: no migration creates the table."""

    __abstract__ = True
    metadata = MetaData(naming_convention=Model.metadata.naming_convention)


User.__table__.to_metadata(OwnedModel.metadata)  # type: ignore[attr-defined]


class Diary(Owned, Timestamps, OwnedModel):
    """A row of a user."""

    __tablename__ = "test_diaries"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)


@pytest.fixture(autouse=True)
def _diaries(app: Flask) -> Iterator[None]:
    with app.app_context():
        table = Diary.__table__
        table.create(db.engine)  # type: ignore[attr-defined]
        yield
        db.session.rollback()
        table.drop(db.engine)  # type: ignore[attr-defined]


def act_as_new_user(email: str) -> uuid.UUID:
    user = User(email=email, password_hash="")
    db.session.add(user)
    db.session.commit()
    g.identity = Identity(str(user.id), frozenset())
    return user.id


def add_diary(**columns: object) -> Diary:
    diary = Diary(**columns)
    db.session.add(diary)
    db.session.commit()
    return diary


def visible_ids() -> list[uuid.UUID]:
    rows, cursor = paginate(Diary, 20, None)
    ids = [diary.id for diary in rows]
    assert cursor is None
    assert paginate_by_number(Diary, 1, 20) == (rows, len(ids))
    query = owned_by_caller(select(Diary.id).order_by(Diary.created_at.desc()), Diary)
    assert db.session.scalars(query).all() == ids
    return ids


def test_rows_belong_to_the_user_who_adds_them() -> None:
    ada = act_as_new_user("ada@example.com")
    of_ada = add_diary()
    assert of_ada.owner_id == ada
    act_as_new_user("eve@example.com")
    of_eve = add_diary()
    assert visible_ids() == [of_eve.id]
    assert find_or_404(Diary, of_eve.id) is of_eve
    with pytest.raises(NotFound) as refusal:
        find_or_404(Diary, of_ada.id)
    assert refusal.value.data["message"] == "The diary does not exist."  # type: ignore[attr-defined]


def test_without_a_user_no_row_is_visible_and_none_can_be_built() -> None:
    add_diary(owner_id=None)
    assert visible_ids() == []
    with pytest.raises(LookupError, match=r"g\.identity"):
        Diary()
    act_as_new_user("ada@example.com")
    assert visible_ids() == []


def test_pages_of_a_user_have_an_index() -> None:
    indexes = [[column.name for column in index.columns] for index in Diary.__table__.indexes]  # type: ignore[attr-defined]
    assert indexes == [["owner_id", "created_at", "id"]]
