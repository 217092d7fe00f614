"""What is PostgreSQL's own."""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.exc import DBAPIError

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}

# Seconds to connect; what DATABASE_URL says itself wins.
CONNECT_ARGS: dict[str, Any] = {"connect_timeout": 3}
# Seconds to wait for an answer: longer than a statement may take.
ANSWER_TIMEOUT = 35
# Through PgBouncer the next transaction may be on a server connection that lacks what was prepared.
MIGRATION_CONNECT_ARGS: dict[str, Any] = {"connect_timeout": 3, "prepare_threshold": None}

# Of one transaction, for PgBouncer keeps no session: the session's idle limit must not end it.
TRY_MIGRATION_LOCK = """
    SELECT pg_try_advisory_xact_lock(727)
    FROM set_config('idle_in_transaction_session_timeout', '0', true)
"""

DATETIME = DateTime()


def exact_string(length: int) -> String:
    """Return a text type that compares characters, as every text does here."""
    return String(length)


# serialization_failure and deadlock_detected: the transaction was rolled back.
CONFLICTS = {"40001", "40P01"}
# query_canceled and lock_not_available.
TIMEOUTS = {"57014", "55P03"}


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when its server does not answer: libpq would wait for ever."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait at most `ANSWER_TIMEOUT`. Undocumented: read in psycopg 3.3.9, where all waits end here."""
        try:
            return super().wait(gen, interval, timeout or ANSWER_TIMEOUT)
        except psycopg.OperationalError:
            if self.info.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise


def open_connection(_: Dialect, args: Any, kwargs: Any) -> Any:
    """Connect; SQLAlchemy gives the arguments."""
    return BoundedConnection.connect(*args, **kwargs)


def error_code(error: DBAPIError) -> Any:
    """Return the SQLSTATE of `error`; None where no server has sent one."""
    return getattr(error.orig, "sqlstate", None)


def configure_connection(
    connection: psycopg.Connection[Any], query: str, seconds: int
) -> str | None:
    """Limit each statement to so many seconds, unless the URL's `query` has a limit of its own.

    Behind PgBouncer a SET would stay on a server connection that other clients use as well. There
    nothing is set or prepared: return the statement that limits a single transaction instead.
    """
    is_limited = "statement_timeout" in query
    connection.autocommit = True
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    # PgBouncer makes up the process id that it tells a client.
    is_pooled = row is None or row[0] != connection.info.backend_pid
    if is_pooled:
        connection.prepare_threshold = None
    elif not is_limited:
        connection.execute(f"SET statement_timeout = '{seconds}s'")
    connection.autocommit = False
    return f"SET LOCAL statement_timeout = '{seconds}s'" if is_pooled and not is_limited else None
