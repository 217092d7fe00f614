"""Logins by cookie: each is a row of the database, read with every request, so it can end at once."""

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta

from flask import current_app, g, session
from flask_login import UserMixin, login_user, logout_user
from sqlalchemy import ForeignKey, String, delete, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.auth.users import User
from app.database.base import UtcDateTime, now
from app.database.transactions import retry_on_conflict
from app.extensions import Model, db

# How exactly it is recorded when a login was last used.
PRECISION = timedelta(minutes=1)


class LoginSession(Model):
    """One login, by the hash of the token that its cookie carries."""

    __tablename__ = "login_sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class LoggedIn(UserMixin):  # type: ignore[misc]
    """Somebody who is logged in, as Flask-Login has them: known by the token of the login."""

    def __init__(self, user: User, token: str) -> None:
        self.user = user
        self.token = token

    def get_id(self) -> str:
        return self.token


def log_in(user: User) -> LoggedIn:
    """Start a login with a token of its own, whatever cookie the browser came with."""
    token = secrets.token_urlsafe(32)
    store_login(user.id, token)
    logged_in = LoggedIn(user, token)
    session.clear()
    login_user(logged_in)
    return logged_in


@retry_on_conflict
def store_login(user_id: uuid.UUID, token: str) -> None:
    """Store the login that `token` stands for, and delete those that have expired."""
    db.session.execute(delete(LoginSession).where(LoginSession.expires_at < now()))
    # A transaction of its own: what it has locked would stand in the way of others' inserts.
    db.session.commit()
    lifetime = timedelta(seconds=current_app.config["SESSION_LIFETIME"])
    db.session.add(LoginSession(id=hash_token(token), user_id=user_id, expires_at=now() + lifetime))
    db.session.commit()


def load_login(token: str) -> LoggedIn | None:
    """Return the login; None where it has ended, or was not used for too long.

    This only reads: a view that asks who calls it may be in the middle of a transaction.
    """
    login = db.session.get(LoginSession, hash_token(token))
    if login is None or not login.user.is_active:
        return None
    idle = timedelta(seconds=current_app.config["SESSION_IDLE_LIFETIME"])
    if login.expires_at <= now() or login.seen_at + idle <= now():
        return None
    if now() - login.seen_at >= min(PRECISION, idle / 2):
        g.used_login = login.id
    return LoggedIn(login.user, token)


def record_use(_: BaseException | None) -> None:
    """Record that a login was used; after the view, which has committed its own changes or failed."""
    login_id = g.pop("used_login", None)
    if login_id is None:
        return
    used = update(LoginSession).where(LoginSession.id == login_id).values(seen_at=now())
    try:
        db.session.rollback()
        db.session.execute(used.execution_options(synchronize_session=False))
        db.session.commit()
    except SQLAlchemyError:
        current_app.logger.warning("the use of a login could not be recorded", exc_info=True)


def log_out(token: str) -> None:
    """End a login, and have the browser forget it."""
    db.session.execute(delete(LoginSession).where(LoginSession.id == hash_token(token)))
    db.session.commit()
    logout_user()
    session.clear()


@retry_on_conflict
def end_logins(user_id: uuid.UUID) -> int:
    """End every login of a user; return how many there were."""
    result = db.session.execute(delete(LoginSession).where(LoginSession.user_id == user_id))
    db.session.commit()
    return int(result.rowcount)  # type: ignore[attr-defined]


def hash_token(token: str) -> str:
    """Return what is kept of a token: who reads the database cannot log in by it."""
    return hashlib.sha256(token.encode()).hexdigest()
