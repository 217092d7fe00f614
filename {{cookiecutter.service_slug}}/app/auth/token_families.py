"""Token families, and the revocation of access tokens before they expire.

Each process caches the revoked families. A revocation changes a number that the workers of a host
share, so they query the database at once; other hosts do so after `REVOCATION_DELAY`.
"""

import os
import time
import uuid
from datetime import datetime, timedelta
from mmap import mmap
from threading import Lock

from flask import current_app
from sqlalchemy import ColumnElement, ForeignKey, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.local import LocalProxy

from app.auth.tokens import LEEWAY, invalid_token
from app.database.base import UtcDateTime, now
from app.extensions import Model, db

# Seconds by which the clocks of hosts may differ.
MARGIN = 60
# Seconds that a request waits for another one's query, which may open a slow first connection.
MAX_WAIT = 2
# Seconds after a failed or hanging query in which requests fail at once.
RETRY_AFTER = 2


class TokenFamily(Model):
    """All tokens of one login.

    `generation` identifies the only refresh token that is still valid.
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
    """Cache of the revoked families whose access tokens may not have expired."""

    def __init__(self, lifetime: int, delay: float) -> None:
        """Set the lifetime of access tokens and the maximum age of the cache, in seconds."""
        self.window = timedelta(seconds=lifetime + LEEWAY + MARGIN)
        self.delay = delay
        self.revoked: frozenset[str] = frozenset()
        self.loaded_at = float("-inf")
        self.failed_at = float("-inf")
        # Shared by forked workers; differs from the loaded one after a revocation.
        self.shared_generation = mmap(-1, 8)
        self.loaded_generation = self.shared_generation[:]
        self.querying = Lock()

    def require_not_revoked(self, family: str) -> None:
        """Raise `Unauthorized` if the family is revoked.

        Raises `ServiceUnavailable` if the database cannot be queried.
        """
        if self.is_stale():
            self.refresh()
        if family in self.revoked:
            raise invalid_token("The token was revoked.")

    def is_stale(self) -> bool:
        """Return whether the cache is too old, or a worker of this host has revoked a family."""
        return (
            time.monotonic() - self.loaded_at >= self.delay
            or self.shared_generation[:] != self.loaded_generation
        )

    def refresh(self) -> None:
        """Reload the cache, unless another thread does or the last query has just failed."""
        if self.has_failed():
            raise unavailable()
        if not self.querying.acquire(timeout=MAX_WAIT):
            self.failed_at = time.monotonic()
            current_app.logger.warning("revocations not loaded within %d s", MAX_WAIT)
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
        """Return whether the last query failed less than `RETRY_AFTER` seconds ago."""
        return time.monotonic() - self.failed_at < RETRY_AFTER

    def load(self) -> None:
        """Load the revoked families, on a new connection, which sees every committed revocation."""
        started, generation = time.monotonic(), self.shared_generation[:]
        query = select(TokenFamily.id).where(TokenFamily.revoked_at > now() - self.window)
        with db.engine.connect() as connection:
            self.revoked = frozenset(map(str, connection.scalars(query)))
        self.loaded_at, self.loaded_generation = started, generation
        self.failed_at = float("-inf")

    def revoke(self, *conditions: ColumnElement[bool]) -> int:
        """Revoke the families that match, commit the transaction, and return their number."""
        query = update(TokenFamily).where(TokenFamily.revoked_at.is_(None), *conditions)
        result = db.session.execute(query.values(revoked_at=now()))
        db.session.commit()
        # After the commit: who sees the new number must find the revocation in the database.
        self.shared_generation[:] = os.urandom(8)
        return int(result.rowcount)  # type: ignore[attr-defined]


revocations: Revocations = LocalProxy(  # type: ignore[assignment]
    lambda: current_app.extensions["revocations"]
)


def unavailable() -> ServiceUnavailable:
    """Return a 503 error for a token that cannot be checked."""
    return ServiceUnavailable("The database is unavailable.", retry_after=RETRY_AFTER)
