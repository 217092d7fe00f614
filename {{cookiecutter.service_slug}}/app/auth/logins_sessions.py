"""Logins by cookie, stored in the database so that they can be revoked at once."""

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta

from flask import current_app, g, session
from flask_login import UserMixin, current_user, login_user, logout_user
from sqlalchemy import ForeignKey, String, delete, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.auth.csrf import csrf_token
from app.auth.users import User, lock_user
from app.database.base import UtcDateTime, now
from app.database.transactions import retry_on_conflict
from app.extensions import Model, db

# How often at most `seen_at` of a login is updated.
SEEN_AT_INTERVAL = timedelta(minutes=1)


class LoginSession(Model):
    """One login; `id` is the hash of the token in its cookie."""

    __tablename__ = "login_sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class SessionUser(UserMixin):  # type: ignore[misc]
    """Logged-in user for Flask-Login, identified by the token of the login."""

    def __init__(self, user: User, token: str) -> None:
        self.user = user
        self.token = token

    def get_id(self) -> str:
        return self.token


def log_in(user: User) -> dict[str, str]:
    """Start a login with a new token, so that a planted cookie gains nothing.

    Sets the cookie, and returns the CSRF token. Raises `Unauthorized` if the account has changed
    since `user` was loaded.
    """
    token = secrets.token_urlsafe(32)
    store_login(user.id, user.password_hash, token)
    session.clear()
    login_user(SessionUser(user, token))
    return {"csrf_token": csrf_token(token)}


@retry_on_conflict
def store_login(user_id: uuid.UUID, password_hash: str, token: str) -> None:
    """Store a new login and delete the expired ones."""
    db.session.execute(delete(LoginSession).where(LoginSession.expires_at < now()))
    # Commit first: the locks of this delete would block concurrent inserts.
    db.session.commit()
    lock_user(user_id, password_hash)
    lifetime = timedelta(seconds=current_app.config["SESSION_LIFETIME"])
    db.session.add(LoginSession(id=hash_token(token), user_id=user_id, expires_at=now() + lifetime))
    db.session.commit()


def load_login(token: str) -> SessionUser | None:
    """Return the user of a login; None if it has ended or was idle for too long.

    This does not write, because a view may call it in the middle of a transaction.
    """
    login = db.session.get(LoginSession, hash_token(token))
    if login is None or not login.user.is_active:
        return None
    idle = timedelta(seconds=current_app.config["SESSION_IDLE_LIFETIME"])
    if login.expires_at <= now() or login.seen_at + idle <= now():
        return None
    if now() - login.seen_at >= min(SEEN_AT_INTERVAL, idle / 2):
        g.used_login = login.id
    return SessionUser(login.user, token)


def update_seen_at(_: BaseException | None) -> None:
    """Update `seen_at` of the used login, after the view has committed or failed."""
    login_id = g.pop("used_login", None)
    if login_id is None:
        return
    used = update(LoginSession).where(LoginSession.id == login_id).values(seen_at=now())
    try:
        db.session.rollback()
        db.session.execute(used.execution_options(synchronize_session=False))
        db.session.commit()
    except SQLAlchemyError:
        current_app.logger.warning("cannot update the last use of a login", exc_info=True)


def log_out() -> None:
    """End the login of the request, and clear its cookie."""
    current = LoginSession.id == hash_token(current_user.token)
    db.session.execute(delete(LoginSession).where(current))
    db.session.commit()
    logout_user()
    session.clear()


def revoke_logins(user_id: uuid.UUID, *, keep_current: bool = False) -> int:
    """End the logins of a user, commit the transaction, and return their number.

    `keep_current` keeps the login of the request.
    """
    kept = [LoginSession.id != hash_token(current_user.token)] if keep_current else []
    ended = delete(LoginSession).where(LoginSession.user_id == user_id, *kept)
    result = db.session.execute(ended.execution_options(synchronize_session=False))
    db.session.commit()
    return int(result.rowcount)  # type: ignore[attr-defined]


def hash_token(token: str) -> str:
    """Return the hash of a token: a leaked database contains no usable tokens."""
    return hashlib.sha256(token.encode()).hexdigest()
