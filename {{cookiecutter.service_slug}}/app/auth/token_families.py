"""Token families, and the revocation of their access tokens before these expire.

A revocation takes effect at once in every worker of this host, which share a number that it changes,
and on other hosts when they query the database again, after `REVOCATION_DELAY`. In between it costs
a request next to nothing.
"""

import os
import time
import uuid
from datetime import datetime, timedelta
from mmap import mmap
from threading import Lock

from flask import current_app
from sqlalchemy import ForeignKey, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.exceptions import ServiceUnavailable

from app.auth.tokens import LEEWAY, invalid_token
from app.database.base import UtcDateTime, now
from app.database.transactions import retry_on_conflict
from app.extensions import Model, db
from app.flask_app import AppState

# Seconds that the clocks of hosts may differ by, all told.
MARGIN = 60
# Seconds that a request waits for another one's query: a first connection takes a second where the
# database is far. One that hangs is not waited for again.
MAX_WAIT = 2
# Seconds after a failed or hanging query in which requests fail at once.
RETRY_AFTER = 2


class TokenFamily(Model):
    """One login: all the tokens that came of it, and end with it.

    `generation` is that of the one refresh token that may still be used.
    """

    __tablename__ = "token_families"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    generation: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


class Revocations:
    """The revoked families of which an access token may not have expired."""

    def __init__(self, lifetime: int, delay: float) -> None:
        """`lifetime` is that of an access token, `delay` the age of what is known, in seconds."""
        self.window = timedelta(seconds=lifetime + LEEWAY + MARGIN)
        self.delay = delay
        self.revoked: frozenset[str] = frozenset()
        self.loaded_at = float("-inf")
        self.failed_at = float("-inf")
        # Forked workers share it: a value other than the loaded one is a change.
        self.shared_generation = mmap(-1, 8)
        self.loaded_generation = self.shared_generation[:]
        self.querying = Lock()

    def check(self, family: str) -> None:
        """Raise `Unauthorized` for a token of a revoked family.

        Raises `ServiceUnavailable` while the database cannot tell.
        """
        if self.is_stale():
            self.refresh()
        if family in self.revoked:
            raise invalid_token("The token was revoked.")

    def is_stale(self) -> bool:
        return (
            time.monotonic() - self.loaded_at >= self.delay
            or self.shared_generation[:] != self.loaded_generation
        )

    def refresh(self) -> None:
        """Query the database, unless another thread does, or it failed a moment ago."""
        if self.has_failed():
            raise unavailable()
        if not self.querying.acquire(timeout=MAX_WAIT):
            self.failed_at = time.monotonic()
            current_app.logger.warning("The revocations are not known after %d s.", MAX_WAIT)
            raise unavailable()
        try:
            if self.has_failed():
                raise unavailable()
            if self.is_stale():
                self.load()
        except SQLAlchemyError:
            self.failed_at = time.monotonic()
            raise
        finally:
            self.querying.release()

    def has_failed(self) -> bool:
        return time.monotonic() - self.failed_at < RETRY_AFTER

    def load(self) -> None:
        """Query the database, over a connection that sees what is committed by now."""
        began, generation = time.monotonic(), self.shared_generation[:]
        query = select(TokenFamily.id).where(TokenFamily.revoked_at > now() - self.window)
        with db.engine.connect() as connection:
            self.revoked = frozenset(map(str, connection.scalars(query)))
        self.loaded_at, self.loaded_generation = began, generation
        self.failed_at = float("-inf")

    @retry_on_conflict
    def revoke(self, *, family: str | None = None, user_id: uuid.UUID | None = None) -> int:
        """Revoke a login, or all of a user's; commits, and returns how many there were."""
        of = TokenFamily.id == uuid.UUID(family) if family else TokenFamily.user_id == user_id
        result = db.session.execute(
            update(TokenFamily).where(of, TokenFamily.revoked_at.is_(None)).values(revoked_at=now())
        )
        db.session.commit()
        self.shared_generation[:] = os.urandom(8)
        return int(result.rowcount)  # type: ignore[attr-defined]


revocations = AppState[Revocations]("revocations")


def unavailable() -> ServiceUnavailable:
    """Return the error of a request whose token cannot be checked."""
    return ServiceUnavailable("The database is unavailable.", retry_after=RETRY_AFTER)
