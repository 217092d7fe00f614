"""Readers as the current caller sees them."""

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import with_expression

from app.api import abort
from app.auth.users import current_user_id
from app.extensions import db
from app.readers.models import Follow, Reader


def is_followed() -> ColumnElement[bool]:
    """Return whether the caller follows a reader, as a condition; a guest follows nobody."""
    return exists().where(Follow.follower_id == current_user_id(), Follow.reader_id == Reader.id)


def select_readers() -> Select[Reader]:
    """Select the readers, with whether the caller follows them."""
    # The session may have loaded the row without it.
    followed = with_expression(Reader.followed, is_followed())
    return select(Reader).options(followed).execution_options(populate_existing=True)


def require_reader() -> Reader:
    """Return the caller's profile; abort with 403 if the account has none."""
    reader: Reader | None = db.session.get(Reader, current_user_id())
    return reader or abort(403, "Only members of the club may do this.")
