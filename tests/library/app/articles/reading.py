"""Articles and comments as the current caller sees them; guests see them, too."""

import uuid
from typing import TypeVar

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import joinedload, with_expression

from app.articles.models import Article, Comment, Favourite, Tag, Written
from app.auth.users import current_user_id
from app.database.queries import find_or_404
from app.readers.models import Reader
from app.readers.profiles import is_followed

W = TypeVar("W", bound=Written)


def with_author(model: type[W]) -> Select[W]:
    """Select the rows, each with its author."""
    followed = with_expression(Reader.followed, is_followed())
    query: Select[W] = select(model).options(joinedload(model.author).options(followed))
    # The session may have loaded the rows before they changed.
    return query.execution_options(populate_existing=True)


def select_articles(tag: str | None = None) -> Select[Article]:
    """Select the articles, or those with a tag."""
    is_favourite = exists().where(
        Favourite.reader_id == current_user_id(), Favourite.article_id == Article.id
    )
    query = with_author(Article).options(with_expression(Article.favourite, is_favourite))
    return query.where(Article.tag_rows.any(Tag.name == tag)) if tag else query


def select_comments(article_id: uuid.UUID) -> Select[Comment]:
    """Select the comments on an article."""
    return with_author(Comment).where(Comment.article_id == article_id)


def find_article(article_id: uuid.UUID) -> Article:
    """Return an article, or abort with 404."""
    return find_or_404(Article, article_id, query=select_articles())
