"""How the database is reached: its URL, and limits on how long it may keep a request waiting."""

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

# Seconds that a request waits for a connection while all of them are in use.
POOL_TIMEOUT = 5
# Seconds that a statement may take.
STATEMENT_TIMEOUT = 30
# Seconds between two attempts to connect while the database is away.
RECONNECT_INTERVAL = 1
# Readiness asks over connections of its own, beside one for each thread.
PROBE_CONNECTIONS = 2


def with_driver(url: str) -> str:
    """Return `url` with its driver named; raises `ValidationError` where there is none for it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValidationError("Not a database URL.") from None
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.drivername not in {*DRIVERS.values(), "sqlite"}:
        raise ValidationError(f"No driver for {parsed.drivername}.")
    return parsed.render_as_string(hide_password=False)


def engine_options(url: str | None, threads: int) -> dict[str, Any]:
    """Return SQLAlchemy's engine options for `url` in a worker of so many threads."""
    # An error tells its statement, and none of the values in it.
    options: dict[str, Any] = {"hide_parameters": True}
    if url is None or url.startswith("sqlite"):
        return options
    return options | {
        "pool_pre_ping": True,
        "pool_size": threads,
        "max_overflow": PROBE_CONNECTIONS,
        "pool_timeout": POOL_TIMEOUT,
        "connect_args": own_values_first(url, CONNECT_ARGS),
    }


def own_values_first(url: str | URL, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return those of the connect `arguments` that the URL does not set itself."""
    own = make_url(url).query
    return {name: value for name, value in arguments.items() if name not in own}


def init_engine(engine: Engine) -> None:
    """Configure each new connection of the service's engine."""
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
    """Opens connections; while the database is away, one attempt at a time.

    All others fail at once: a server that hangs holds up one thread of a worker, not each request.
    """

    def __init__(self) -> None:
        # Of the last attempt; None where it succeeded.
        self.error: Exception | None = None
        self.retry_at = 0.0
        self.attempt = Lock()

    def connect(self, dialect: Dialect, _: Any, args: Any, kwargs: Any) -> Any:
        """Open a connection, or raise the driver's error."""
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
        """Open a connection, and remember the error if it fails."""
        try:
            connection = open_connection(dialect, args, kwargs)
        except dialect.loaded_dbapi.Error as error:
            self.error = error
            self.retry_at = time.monotonic() + RECONNECT_INTERVAL
            raise
        self.error = None
        return connection


def enforce_foreign_keys(connection: Any, _: Any) -> None:
    """Have SQLite enforce foreign keys as the real database does."""
    connection.execute("PRAGMA foreign_keys = ON")


def create_migration_engine(url: URL) -> Engine:
    """Return an engine without the time limits of a request: a migration takes what it needs.

    SQLite's foreign keys are off: Alembic copies a table and drops the old one, which would cascade.
    """
    if url.get_backend_name() == "sqlite":
        return create_engine(url, poolclass=NullPool)
    arguments = own_values_first(url, MIGRATION_CONNECT_ARGS)
    return create_engine(url, poolclass=NullPool, connect_args=arguments)


CONNECTIONS = Gauge("db_client_connections", "Connections.", ["state"], multiprocess_mode="livesum")
MAXIMUM = Gauge(
    "db_client_connections_max", "Connections that may be open.", multiprocess_mode="livesum"
)


def sample_pools(engines: Iterable[Engine]) -> None:
    """Measure the connection pools of `engines` together."""
    pools = [engine.pool for engine in engines if isinstance(engine.pool, QueuePool)]
    if pools:
        CONNECTIONS.labels("used").set(sum(pool.checkedout() for pool in pools))
        CONNECTIONS.labels("idle").set(sum(pool.checkedin() for pool in pools))
        MAXIMUM.set(sum(pool.size() + pool._max_overflow for pool in pools))
