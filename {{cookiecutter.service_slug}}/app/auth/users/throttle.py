"""How often a login may fail: ten times for an account, a hundred times from an address, in 15 minutes.

Counted in the database, so that it holds for all workers together, and before a password is looked
at, so that it holds for attempts made at once.
"""

import hashlib
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import TooManyRequests

from app.auth.users.models import LoginAttempts
from app.database import db
from app.database.base import now
from app.database.transactions import retry_on_conflict

LIMITS = {"account": 10, "address": 100}
WINDOW = timedelta(minutes=15)


def count_attempt(email: str, address: str) -> None:
    """Count an attempt to log in; raises `TooManyRequests` where there were too many."""
    for kind, whose in (("account", email), ("address", address)):
        attempts = increment(name(kind, whose))
        if attempts.attempts > LIMITS[kind]:
            wait = (attempts.expires_at - now()).total_seconds()
            raise TooManyRequests("Too many attempts to log in.", retry_after=max(1, round(wait)))


def forgive(email: str, address: str) -> None:
    """Forget the attempts that led to a login; the caller commits."""
    account = LoginAttempts.key == name("account", email)
    db.session.execute(delete(LoginAttempts).where(account))
    other = LoginAttempts.key == name("address", address)
    fewer = update(LoginAttempts).where(other, LoginAttempts.attempts > 0)
    db.session.execute(fewer.values(attempts=LoginAttempts.attempts - 1))


def name(kind: str, whose: str) -> str:
    return hashlib.sha256(f"{kind}:{whose}".encode(errors="replace")).hexdigest()


@retry_on_conflict
def increment(key: str) -> LoginAttempts:
    """Count one more, in a transaction of its own; return the count."""
    this = LoginAttempts.key == key
    for _ in range(3):  # two may find no count at once: one makes it, the other counts on
        current = (this, LoginAttempts.expires_at > now())
        one_more = update(LoginAttempts).where(*current).values(attempts=LoginAttempts.attempts + 1)
        # Only who has counted may read: a count that appears in between lacks this attempt.
        if db.session.execute(one_more).rowcount:  # type: ignore[attr-defined]
            fresh = select(LoginAttempts).where(this).execution_options(populate_existing=True)
            counted: LoginAttempts = db.session.scalars(fresh).one()
            db.session.commit()
            return counted
        forget_expired()
        first = LoginAttempts(key=key, attempts=1, expires_at=now() + WINDOW)
        db.session.add(first)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
        else:
            return first
    raise TooManyRequests("Too many attempts to log in at once.", retry_after=1)


def forget_expired() -> None:
    """Keep no count for longer than it matters."""
    db.session.execute(delete(LoginAttempts).where(LoginAttempts.expires_at <= now()))
    db.session.commit()
