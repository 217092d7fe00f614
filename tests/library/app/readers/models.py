"""SQLAlchemy models of readers."""

import uuid

from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column, query_expression

from app.extensions import Model


class Follow(Model):
    """A reader who follows another one."""

    __tablename__ = "follows"

    follower_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("readers.id"), primary_key=True)
    reader_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("readers.id"), primary_key=True, index=True
    )


class Reader(Model):
    """Profile of a user."""

    __tablename__ = "readers"

    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    about: Mapped[str] = mapped_column(String(500), default="")

    # Set by the queries of `app.readers.profiles`.
    followed: Mapped[bool] = query_expression(default_expr=false())
