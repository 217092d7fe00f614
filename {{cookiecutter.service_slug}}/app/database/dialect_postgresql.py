"""Settings and SQL specific to PostgreSQL."""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.exc import DBAPIError

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}

# Seconds to connect; arguments in DATABASE_URL take precedence.
CONNECT_ARGS: dict[str, Any] = {"connect_timeout": 3}
# Seconds to wait for a response; must be longer than the statement timeout.
ANSWER_TIMEOUT = 35
# Behind PgBouncer, the next transaction may use a server connection without the prepared statement.
MIGRATION_CONNECT_ARGS: dict[str, Any] = {"connect_timeout": 3, "prepare_threshold": None}

# Held by a transaction, because PgBouncer does not keep a session for its client. The transaction is
# idle during the migrations, so it has no idle timeout. 727 is only the number of this lock.
TRY_MIGRATION_LOCK = """
    SELECT pg_try_advisory_xact_lock(727)
    FROM set_config('idle_in_transaction_session_timeout', '0', true)
"""

DATETIME = DateTime()
LONG_TEXT = Text()


def exact_string(length: int) -> String:
    """Return a text type that compares exactly, as text in PostgreSQL does by default."""
    return String(length)


# serialization_failure and deadlock_detected: the transaction was rolled back.
CONFLICTS = {"40001", "40P01"}
# query_canceled and lock_not_available.
TIMEOUTS = {"57014", "55P03"}


class BoundedConnection(psycopg.Connection[Any]):
    """Connection that is closed if its server stops responding; libpq would wait forever."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait at most `ANSWER_TIMEOUT`; undocumented, called by every wait of psycopg 3.3.9."""
        try:
            return super().wait(gen, interval, timeout or ANSWER_TIMEOUT)
        except psycopg.OperationalError:
            if self.info.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise


def open_connection(_: Dialect, args: Any, kwargs: Any) -> Any:
    """Open a connection with SQLAlchemy's arguments."""
    return BoundedConnection.connect(*args, **kwargs)


def error_code(error: DBAPIError) -> Any:
    """Return the SQLSTATE of `error`; None if the server sent none."""
    return getattr(error.orig, "sqlstate", None)


def configure_connection(
    connection: psycopg.Connection[Any], query: str, seconds: int
) -> str | None:
    """Limit each statement to `seconds`, unless the URL's `query` sets a limit.

    Behind PgBouncer, prepare no statements and SET no limit: other clients share the server
    connection. Instead, return the statement that limits a transaction, to execute at each BEGIN.
    """
    is_limited = "statement_timeout" in query
    connection.autocommit = True
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    # PgBouncer sends its clients a process id that is not the server's.
    is_pooled = row is None or row[0] != connection.info.backend_pid
    if is_pooled:
        connection.prepare_threshold = None
    elif not is_limited:
        connection.execute(f"SET statement_timeout = '{seconds}s'")
    connection.autocommit = False
    return f"SET LOCAL statement_timeout = '{seconds}s'" if is_pooled and not is_limited else None
