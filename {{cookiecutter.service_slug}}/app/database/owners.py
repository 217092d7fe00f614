"""Rows that belong to users: nobody else can see them, or detect them."""

import uuid
from typing import Any, Self

from sqlalchemy import ForeignKey, Index, Select, select
from sqlalchemy.orm import Mapped, mapped_column

from app.auth.identity import current_identity


class Owned:
    """Mixin for models whose rows belong to a user: list it before `Model`.

    The blocks of `app.database.queries` select the current user's rows only, and a new row belongs
    to the current user. A job or a command sets `g.identity` to the user that it acts for.
    """

    # Null for rows that were stored before the service had users; no user sees these.
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))

    def __init__(self, **columns: Any) -> None:
        """Build a row of the current user; raise `LookupError` without one."""
        if "owner_id" not in columns:
            identity = current_identity()
            if identity is None:
                raise LookupError("The row needs an owner: g.identity is not set.")
            columns["owner_id"] = uuid.UUID(identity.subject)
        super().__init__(**columns)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        columns: Any = cls
        if hasattr(cls, "__table__") and hasattr(cls, "created_at"):
            # For the pages of a user's rows.
            Index(None, columns.owner_id, columns.created_at, columns.id)

    @classmethod
    def visible(cls) -> Select[Self]:
        """Select the current user's rows; without a user, select none."""
        return owned_by_caller(select(cls), cls)


def owned_by_caller(query: Select[Any], model: type[Owned]) -> Select[Any]:
    """Restrict `query` to rows whose `model` belongs to the current user; without one, to none."""
    # SQLAlchemy translates `owner_id == None` to IS NULL: exclude the rows without an owner.
    identity = current_identity()
    owner_id = uuid.UUID(identity.subject) if identity else None
    return query.where(model.owner_id == owner_id, model.owner_id.is_not(None))
