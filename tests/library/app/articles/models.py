"""SQLAlchemy models of articles."""

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, false, func, select
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.orm import (
    Mapped,
    column_property,
    declared_attr,
    foreign,
    mapped_column,
    query_expression,
    relationship,
)

from app.database.base import Timestamps
from app.database.owners import Owned
from app.extensions import Model
from app.readers.models import Reader


class Favourite(Model):
    """An article that a reader likes."""

    __tablename__ = "favourites"

    reader_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("readers.id"), primary_key=True)
    article_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Tag(Model):
    """A tag of an article."""

    __tablename__ = "article_tags"

    article_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(30), primary_key=True, index=True)


class Written(Owned, Timestamps):
    """Mixin for what a reader has written."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)

    @declared_attr
    def author(cls: Any) -> Mapped[Reader]:
        return relationship(primaryjoin=lambda: foreign(cls.owner_id) == Reader.id, viewonly=True)


class Article(Written, Model):
    """An article."""

    __tablename__ = "articles"

    title: Mapped[str] = mapped_column(String(120))
    body: Mapped[str] = mapped_column(Text)
    tag_rows: Mapped[list[Tag]] = relationship(
        order_by=Tag.name, lazy="selectin", cascade="all, delete-orphan", passive_deletes=True
    )
    tags: AssociationProxy[list[str]] = association_proxy(
        "tag_rows", "name", creator=lambda name: Tag(name=name)
    )

    # Set by the queries of `app.articles.reading`.
    favourite: Mapped[bool] = query_expression(default_expr=false())

    __table_args__ = (Index(None, "created_at", "id"),)


Article.favourites = column_property(
    select(func.count())
    .where(Favourite.article_id == Article.id)
    .correlate(Article)
    .scalar_subquery()
)


class Comment(Written, Model):
    """A comment on an article."""

    __tablename__ = "comments"

    article_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index(None, "article_id", "created_at", "id"),)
