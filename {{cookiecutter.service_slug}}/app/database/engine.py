"""SQLAlchemy engines, with limits on how long a request waits for the database."""

import time
from collections.abc import Iterable
from threading import Lock
from typing import Any

from environs import ValidationError
from prometheus_client import Gauge
from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    NullPool,
    QueuePool,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import ArgumentError

from app.database.dialect import (
    CONNECT_ARGS,
    DRIVERS,
    MIGRATION_CONNECT_ARGS,
    configure_connection,
    open_connection,
)

# Seconds that a request waits for a connection while all are in use.
POOL_TIMEOUT = 5
# Seconds that a statement may take.
STATEMENT_TIMEOUT = 30
# Seconds between two attempts to connect while the database is unavailable.
RECONNECT_INTERVAL = 1
# Connections for readiness checks, in addition to one for each thread.
PROBE_CONNECTIONS = 2


def with_driver(url: str) -> str:
    """Return `url` with its driver; raise `ValidationError` if the service has no driver for it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValidationError("Not a database URL.") from None
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.drivername not in {*DRIVERS.values(), "sqlite"}:
        raise ValidationError(f"No driver for {parsed.drivername}.")
    return parsed.render_as_string(hide_password=False)


def engine_options(url: str | None, threads: int) -> dict[str, Any]:
    """Return SQLAlchemy's engine options for `url` in a worker with `threads` threads."""
    # Keep the values of statements out of error messages.
    options: dict[str, Any] = {"hide_parameters": True}
    if url is None or url.startswith("sqlite"):
        return options
    return options | {
        "pool_pre_ping": True,
        "pool_size": threads,
        "max_overflow": PROBE_CONNECTIONS,
        "pool_timeout": POOL_TIMEOUT,
        "connect_args": omit_url_arguments(url, CONNECT_ARGS),
    }


def omit_url_arguments(url: str | URL, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return `arguments` without those that the URL sets."""
    url_arguments = make_url(url).query
    return {name: value for name, value in arguments.items() if name not in url_arguments}


def init_engine(engine: Engine) -> None:
    """Configure each new connection of the engine."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", enforce_foreign_keys)
        return
    query = " ".join(map(str, engine.url.query.values()))
    event.listen(engine, "do_connect", Connector().connect)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        record.info["begin"] = configure_connection(connection, query, STATEMENT_TIMEOUT)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if statement := connection.info.get("begin"):
            connection.exec_driver_sql(statement)


class Connector:
    """Connection factory that makes one attempt at a time while the database is unavailable.

    Other attempts fail at once: a server that hangs blocks one thread of a worker, not all of them.
    """

    def __init__(self) -> None:
        # Error of the last attempt; None if it succeeded.
        self.error: Exception | None = None
        self.retry_at = 0.0
        self.attempt = Lock()

    def connect(self, dialect: Dialect, _: Any, args: Any, kwargs: Any) -> Any:
        """Open a connection; raise the last error if the next attempt is not due."""
        error = self.error
        if error is None:
            return self.open(dialect, args, kwargs)
        if time.monotonic() < self.retry_at or not self.attempt.acquire(blocking=False):
            raise dialect.loaded_dbapi.OperationalError(*error.args)
        try:
            return self.open(dialect, args, kwargs)
        finally:
            self.attempt.release()

    def open(self, dialect: Dialect, args: Any, kwargs: Any) -> Any:
        """Open a connection; store the error if it fails."""
        try:
            connection = open_connection(dialect, args, kwargs)
        except dialect.loaded_dbapi.Error as error:
            self.error = error
            self.retry_at = time.monotonic() + RECONNECT_INTERVAL
            raise
        self.error = None
        return connection


def enforce_foreign_keys(connection: Any, _: Any) -> None:
    """Make SQLite enforce foreign keys, as the production database does."""
    connection.execute("PRAGMA foreign_keys = ON")


def create_migration_engine(url: URL) -> Engine:
    """Return an engine without the time limits of requests, which migrations may exceed.

    On SQLite it does not enforce foreign keys: Alembic copies a table and drops the old one, and
    the drop would cascade.
    """
    if url.get_backend_name() == "sqlite":
        return create_engine(url, poolclass=NullPool)
    arguments = omit_url_arguments(url, MIGRATION_CONNECT_ARGS)
    return create_engine(url, poolclass=NullPool, connect_args=arguments)


CONNECTIONS = Gauge(
    "db_client_connections", "Open database connections.", ["state"], multiprocess_mode="livesum"
)
MAXIMUM = Gauge(
    "db_client_connections_max",
    "Maximum number of open database connections.",
    multiprocess_mode="livesum",
)


def sample_pools(engines: Iterable[Engine]) -> None:
    """Set the gauges to the sums over the connection pools of `engines`."""
    pools = [engine.pool for engine in engines if isinstance(engine.pool, QueuePool)]
    if pools:
        CONNECTIONS.labels("used").set(sum(pool.checkedout() for pool in pools))
        CONNECTIONS.labels("idle").set(sum(pool.checkedin() for pool in pools))
        # SQLAlchemy 2.1 has no public name for it; tests/database/test_engine.py fails if it moves.
        MAXIMUM.set(sum(pool.size() + pool._max_overflow for pool in pools))
