"""A model of the tests, apart from those of the service."""

import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import MetaData, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Timestamps, Versioned
from app.extensions import Model, db

__all__ = ["Note", "notes_table"]


class NoteModel(Model):
    """Base class with its own metadata: no migration creates the table."""

    __abstract__ = True
    metadata = MetaData(naming_convention=Model.metadata.naming_convention)


class Note(Timestamps, Versioned, NoteModel):
    """A note."""

    __tablename__ = "test_notes"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    text: Mapped[str] = mapped_column(String(80), unique=True)


@pytest.fixture
def notes_table(app: Flask) -> Iterator[None]:
    """Create the table of the notes."""
    with app.app_context():
        NoteModel.metadata.create_all(db.engine)
    yield
    with app.app_context():
        NoteModel.metadata.drop_all(db.engine)
