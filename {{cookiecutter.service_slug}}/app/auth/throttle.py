"""Limits on failed logins, counted in the database and shared by all workers.

The main limit is per account and network. An account with many failures gets a lower limit per
network, and a network with many failures is refused. Neither applies to networks that the account
has logged in from, so nobody can lock out the owner of an account from another network.
"""

import hashlib
from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import String, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.exceptions import TooManyRequests

from app.database.base import UtcDateTime, now
from app.database.transactions import retry_on_conflict
from app.extensions import Model, db
from app.security.rate_limit import client_network

WINDOW = timedelta(minutes=15)
# Failures per window of one account from one network.
PAIR_LIMIT = 10
# Failures of one account from all networks (NIST SP 800-63B, section 5.2.2). From then on, networks
# that the account has not logged in from have UNKNOWN_PAIR_LIMIT instead of PAIR_LIMIT.
ACCOUNT_LIMIT = 100
UNKNOWN_PAIR_LIMIT = 3
# Failures from one network. From then on, only accounts that have logged in from it can log in.
NETWORK_LIMIT = 100
# How long a network that an account has logged in from is remembered.
KNOWN_NETWORK_LIFETIME = timedelta(days=90)
# Expired rows that each failure deletes; it adds fewer.
MAX_EXPIRED = 20


class LoginAttempts(Model):
    """Number of failed logins; 0 marks a network that an account has logged in from."""

    __tablename__ = "login_attempts"

    # A hash, so that the table contains neither accounts nor addresses.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempts: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Attempt(NamedTuple):
    """Keys of the counts of a login attempt."""

    pair: str
    account: str
    network: str
    known: str


def make_attempt(email: str, address: str | None) -> Attempt:
    """Return the attempt for a normalized e-mail address and an IP address."""
    network = client_network(address or "")
    return Attempt(
        attempt_key("pair", email, network),
        attempt_key("account", email),
        attempt_key("network", network),
        attempt_key("known", email, network),
    )


def attempt_key(kind: str, *parts: str) -> str:
    """Hash the parts with their lengths, so that two lists of parts never collide."""
    text = "".join(f"{len(part)}:{part}" for part in (kind, *parts))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def require_allowed(attempt: Attempt) -> dict[str, LoginAttempts]:
    """Return the counts; raise `TooManyRequests` if a limit is reached."""
    current = (LoginAttempts.key.in_(attempt), LoginAttempts.expires_at > now())
    query = select(LoginAttempts).where(*current).execution_options(populate_existing=True)
    counts = {row.key: row for row in db.session.scalars(query)}

    failures = Counter({key: row.attempts for key, row in counts.items()})
    is_known = attempt.known in counts
    limit = PAIR_LIMIT
    if not is_known and failures[attempt.account] >= ACCOUNT_LIMIT:
        limit = UNKNOWN_PAIR_LIMIT
    if failures[attempt.pair] >= limit:
        raise too_many_failures(counts[attempt.pair])
    if not is_known and failures[attempt.network] >= NETWORK_LIMIT:
        raise too_many_failures(counts[attempt.network])
    return counts


def too_many_failures(count: LoginAttempts) -> TooManyRequests:
    """Return a 429 error with the seconds until the count expires."""
    wait = max(1, round((count.expires_at - now()).total_seconds()))
    return TooManyRequests("Too many failed logins.", retry_after=wait)


def count_failure(attempt: Attempt) -> None:
    """Count a failed login; raise `TooManyRequests` beyond a limit.

    Concurrent guesses may all have passed `require_allowed`, so the limits are checked again.
    """
    in_pair = count_attempt(attempt.pair)
    count_attempt(attempt.account)
    in_network = count_attempt(attempt.network)
    delete_expired()
    if in_pair > PAIR_LIMIT or in_network > NETWORK_LIMIT:
        require_allowed(attempt)


@retry_on_conflict
def record_login(attempt: Attempt, counts: dict[str, LoginAttempts]) -> None:
    """Remember the network of a successful login, and reset its failed attempts."""
    if attempt.pair in counts:
        reset_attempts(attempt.pair)
    known = counts.get(attempt.known)
    if known is None:
        insert_count(attempt.known, 0, KNOWN_NETWORK_LIFETIME)
    elif known.expires_at < now() + KNOWN_NETWORK_LIFETIME / 2:
        known.expires_at = now() + KNOWN_NETWORK_LIFETIME
        db.session.commit()


def reset_attempts(key: str) -> None:
    """Delete a count."""
    db.session.execute(delete(LoginAttempts).where(LoginAttempts.key == key))
    db.session.commit()


@retry_on_conflict
def count_attempt(key: str) -> int:
    """Increment a count and return it.

    Each statement is its own transaction: it never waits for a lock while holding another, so it
    cannot deadlock.
    """
    has_key = LoginAttempts.key == key
    for _ in range(3):  # of two concurrent first attempts, one inserts and the other retries
        increment = update(LoginAttempts).where(has_key, LoginAttempts.expires_at > now())
        increment = increment.values(attempts=LoginAttempts.attempts + 1)
        if db.session.execute(increment).rowcount:  # type: ignore[attr-defined]
            count = db.session.scalars(select(LoginAttempts.attempts).where(has_key)).one()
            db.session.commit()
            return count
        db.session.commit()
        if insert_count(key, 1, WINDOW):
            return 1
    raise TooManyRequests("Too many concurrent failed logins.", retry_after=1)


@retry_on_conflict
def insert_count(key: str, attempts: int, lifetime: timedelta) -> bool:
    """Insert a count, replacing an expired one; return False if there is a current one."""
    expired = (LoginAttempts.key == key, LoginAttempts.expires_at <= now())
    db.session.execute(delete(LoginAttempts).where(*expired))
    db.session.commit()
    row = {"key": key, "attempts": attempts, "expires_at": now() + lifetime}
    try:
        db.session.execute(insert(LoginAttempts).values(row))
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return False
    return True


@retry_on_conflict
def delete_expired() -> None:
    """Delete a few expired counts by key: deleting a range would block concurrent inserts."""
    expired = select(LoginAttempts.key).where(LoginAttempts.expires_at <= now()).limit(MAX_EXPIRED)
    keys = sorted(db.session.scalars(expired))
    db.session.commit()
    if keys:
        old = (LoginAttempts.key.in_(keys), LoginAttempts.expires_at <= now())
        db.session.execute(delete(LoginAttempts).where(*old))
        db.session.commit()
