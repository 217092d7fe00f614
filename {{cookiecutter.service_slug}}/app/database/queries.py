"""Queries that every resource needs; they select only the rows that the current caller may see."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, func, or_, select

from app.api import abort
from app.api.pagination import Cursor
from app.extensions import Model, db

M = TypeVar("M", bound=Model)


def find_or_404(model: type[M], row_id: Any, *, query: Select[M] | None = None) -> M:
    """Return the row with this id, or abort with 404.

    `query` selects the rows to search, by default `model.visible()`.
    """
    query = model.visible() if query is None else query
    columns: Any = model
    row: M | None = db.session.scalar(query.where(columns.id == row_id))
    return row or abort(404, f"The {model.__name__.lower()} does not exist.")


def paginate(
    model: type[M], limit: int, cursor: Cursor | None, *, query: Select[M] | None = None
) -> tuple[Sequence[M], str | None]:
    """Return up to `limit` rows, newest first, and the cursor of the next page, if any.

    `query` selects the rows to list, by default `model.visible()`. The model needs the columns
    `created_at` and `id`, and an index that ends with them.
    """
    columns: Any = model
    query = newest_first(model, query).limit(limit + 1)
    if cursor:
        # Some databases do not use the index to compare tuples.
        query = query.where(
            columns.created_at <= cursor.created_at,
            or_(columns.created_at < cursor.created_at, columns.id < cursor.id),
        )
    rows = db.session.scalars(query).all()
    if len(rows) <= limit:
        return rows, None
    last: Any = rows[limit - 1]
    return rows[:limit], Cursor(last.created_at, last.id).encode()


def paginate_by_number(
    model: type[M], page: int, page_size: int, *, query: Select[M] | None = None
) -> tuple[Sequence[M], int]:
    """Return the rows of a page, newest first, and the total number of rows."""
    query = newest_first(model, query)
    rows = db.session.scalars(query.limit(page_size).offset((page - 1) * page_size)).all()
    counted = select(func.count()).select_from(query.order_by(None).subquery())
    return rows, db.session.scalars(counted).one()


def newest_first(model: type[M], query: Select[M] | None) -> Select[M]:
    """Sort `query`, by default `model.visible()`, by the time of creation."""
    columns: Any = model
    query = model.visible() if query is None else query
    return query.order_by(columns.created_at.desc(), columns.id.desc())
