"""Limits on failed logins, counted in the database for all workers together.

Failures of one account from one network are limited hard. An account that many networks guess at
leaves fewer guesses to each network, and a network that fails at many accounts is refused others:
both spare the networks that the account has logged in from before. So nobody can lock out the owner
of an account from another network.
"""

import hashlib
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
# Failures of one account from one network in a window.
PAIR_LIMIT = 10
# Failures of one account from all networks (NIST SP 800-63B, section 5.2.2). Once they are reached,
# a network that the account has not logged in from has the second limit instead of PAIR_LIMIT.
ACCOUNT_LIMIT = 100
UNKNOWN_PAIR_LIMIT = 3
# Failures from one network. Once they are reached, it logs in to accounts that have logged in from it.
NETWORK_LIMIT = 100
# How long it is remembered that an account has logged in from a network.
KNOWN_FOR = timedelta(days=90)
# Expired rows that a failure deletes: more than it adds.
MAX_EXPIRED = 20


class LoginAttempts(Model):
    """A count of failed logins; a count of 0 marks a network that an account has logged in from."""

    __tablename__ = "login_attempts"

    # A hash of what is counted: it names neither accounts nor addresses.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempts: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Attempt(NamedTuple):
    """An attempt to log in, by the keys of its counts."""

    pair: str
    account: str
    network: str
    known: str


def make_attempt(email: str, address: str | None) -> Attempt:
    """Return the attempt to log in with a normalized e-mail address from an IP address."""
    network = client_network(address or "")
    return Attempt(
        attempt_key("pair", email, network),
        attempt_key("account", email),
        attempt_key("network", network),
        attempt_key("known", email, network),
    )


def attempt_key(kind: str, *parts: str) -> str:
    """Hash what is counted; lengths keep two lists of parts from looking alike."""
    named = "".join(f"{len(part)}:{part}" for part in (kind, *parts))
    return hashlib.sha256(named.encode(errors="replace")).hexdigest()


def require_allowed(attempt: Attempt) -> dict[str, LoginAttempts]:
    """Return the counts; raises `TooManyRequests` where too many logins have failed."""
    current = (LoginAttempts.key.in_(attempt), LoginAttempts.expires_at > now())
    query = select(LoginAttempts).where(*current).execution_options(populate_existing=True)
    counts = {row.key: row for row in db.session.scalars(query)}

    def is_reached(key: str, limit: int) -> bool:
        return key in counts and counts[key].attempts >= limit

    is_known = attempt.known in counts
    limit = PAIR_LIMIT
    if not is_known and is_reached(attempt.account, ACCOUNT_LIMIT):
        limit = UNKNOWN_PAIR_LIMIT
    if is_reached(attempt.pair, limit):
        raise too_many(counts[attempt.pair])
    if not is_known and is_reached(attempt.network, NETWORK_LIMIT):
        raise too_many(counts[attempt.network])
    return counts


def too_many(count: LoginAttempts) -> TooManyRequests:
    """Return the error of an attempt to log in before the count expires."""
    wait = max(1, round((count.expires_at - now()).total_seconds()))
    return TooManyRequests("Too many failed logins.", retry_after=wait)


def count_failure(attempt: Attempt) -> None:
    """Count a failed login; raises `TooManyRequests` for one beyond the limits.

    Guesses made at once pass `require_allowed` together: those beyond a limit are refused here.
    """
    in_pair = count_attempt(attempt.pair)
    count_attempt(attempt.account)
    in_network = count_attempt(attempt.network)
    delete_expired()
    if in_pair > PAIR_LIMIT or in_network > NETWORK_LIMIT:
        require_allowed(attempt)


@retry_on_conflict
def record_login(attempt: Attempt, counts: dict[str, LoginAttempts]) -> None:
    """Forget the failures of the pair, and remember that the account has logged in from here."""
    if attempt.pair in counts:
        db.session.execute(delete(LoginAttempts).where(LoginAttempts.key == attempt.pair))
        db.session.commit()
    known = counts.get(attempt.known)
    if known is None:
        insert_count(attempt.known, 0, KNOWN_FOR)
    elif known.expires_at < now() + KNOWN_FOR / 2:
        known.expires_at = now() + KNOWN_FOR
        db.session.commit()


@retry_on_conflict
def count_attempt(key: str) -> int:
    """Add one to a count and return it.

    Each statement is a transaction of its own: holding no lock while it waits for another, it takes
    no part in a deadlock.
    """
    this = LoginAttempts.key == key
    for _ in range(3):  # two may find no count at once: one inserts it, the other adds to it
        one_more = update(LoginAttempts).where(this, LoginAttempts.expires_at > now())
        one_more = one_more.values(attempts=LoginAttempts.attempts + 1)
        if db.session.execute(one_more).rowcount:  # type: ignore[attr-defined]
            count = db.session.scalars(select(LoginAttempts.attempts).where(this)).one()
            db.session.commit()
            return count
        db.session.commit()
        if insert_count(key, 1, WINDOW):
            return 1
    raise TooManyRequests("Too many failed logins at once.", retry_after=1)


@retry_on_conflict
def insert_count(key: str, attempts: int, lifetime: timedelta) -> bool:
    """Insert a count in place of an expired one; return whether there was no other."""
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
    """Delete a few expired counts, by their keys: a range would lock what others insert."""
    expired = select(LoginAttempts.key).where(LoginAttempts.expires_at <= now()).limit(MAX_EXPIRED)
    keys = sorted(db.session.scalars(expired))
    db.session.commit()
    if keys:
        old = (LoginAttempts.key.in_(keys), LoginAttempts.expires_at <= now())
        db.session.execute(delete(LoginAttempts).where(*old))
        db.session.commit()
