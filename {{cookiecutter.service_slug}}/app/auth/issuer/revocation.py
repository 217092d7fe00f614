"""Access tokens that no longer count, though they have not expired.

A revocation holds at once in every worker of this host, for they share a word of memory that it
changes, and in others when they ask the database again, after `REVOCATION_DELAY`. Between two
changes it costs a request next to nothing.
"""

import os
import time
import uuid
from datetime import timedelta
from mmap import mmap
from threading import Lock

from sqlalchemy import select, update

from app.auth.issuer.models import TokenFamily
from app.auth.tokens.bearer import refused
from app.auth.tokens.verification import LEEWAY
from app.database import db
from app.database.base import now
from app.database.transactions import retry_on_conflict

# Seconds that the clocks of hosts may differ by, all told.
MARGIN = 60


class Revocations:
    """The revoked families of which an access token may still be about."""

    def __init__(self, lifetime: int, delay: float) -> None:
        """`lifetime` is that of an access token, `delay` how old the answer may be, in seconds."""
        self.window = timedelta(seconds=lifetime + LEEWAY + MARGIN)
        self.delay = delay
        self.revoked: frozenset[str] = frozenset()
        self.read_at = float("-inf")
        # Forked workers share it; whatever it says, another value than before is a change.
        self.word = mmap(-1, 8)
        self.seen = self.word[:]
        self.lock = Lock()

    def check(self, family: str) -> None:
        """Raise `Unauthorized` for a token of a revoked family."""
        if self.is_stale():
            with self.lock:
                if self.is_stale():
                    self.read()
        if family in self.revoked:
            raise refused("The token was revoked.")

    def is_stale(self) -> bool:
        return time.monotonic() - self.read_at >= self.delay or self.word[:] != self.seen

    def read(self) -> None:
        """Ask the database, over a connection that sees what is committed by now."""
        began, seen = time.monotonic(), self.word[:]
        query = select(TokenFamily.id).where(TokenFamily.revoked_at > now() - self.window)
        with db.engine.connect() as connection:
            self.revoked = frozenset(map(str, connection.scalars(query)))
        self.read_at, self.seen = began, seen

    @retry_on_conflict
    def revoke(self, *, family: str | None = None, user_id: uuid.UUID | None = None) -> int:
        """Revoke a login, or all of a user's; commits, and returns how many there were."""
        of = TokenFamily.id == uuid.UUID(family) if family else TokenFamily.user_id == user_id
        result = db.session.execute(
            update(TokenFamily).where(of, TokenFamily.revoked_at.is_(None)).values(revoked_at=now())
        )
        db.session.commit()
        self.word[:] = os.urandom(8)
        return int(result.rowcount)  # type: ignore[attr-defined]
