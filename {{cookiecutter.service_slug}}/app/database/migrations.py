"""Where the database is among the migrations, and the lock that lets one process migrate."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from alembic.script import ScriptDirectory
from dockerflow.checks import CheckMessage, Error
from dockerflow.flask.checks import check_database_connected
from sqlalchemy import Connection, Engine, inspect, text

from app.database.dialect import TRY_MIGRATION_LOCK
from app.extensions import db, migrate

# Seconds to wait for another process that migrates, and between two tries.
LOCK_TIMEOUT = 3600
LOCK_INTERVAL = 0.5
# Given to migrations/env.py by `flask database migrate`.
ACCEPT_AHEAD = "accept-ahead"


def applied_revisions(connection: Connection) -> set[str]:
    """Return where the database is; Alembic would log two lines each time."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.scalars(text("SELECT version_num FROM alembic_version")))


@cache
def known_revisions() -> tuple[set[str], set[str]]:
    """Return every revision that this code has, and the newest of them."""
    scripts = ScriptDirectory(migrate.directory)
    return {script.revision for script in scripts.walk_revisions()}, set(scripts.get_heads())


@contextmanager
def migration_lock(engine: Engine) -> Iterator[None]:
    """Let one process at a time migrate; raises `TimeoutError` when the lock is not to be had.

    Held by a connection of its own. It is tried again and again, not waited for: a statement that
    waits would in turn hold up the migration's CREATE INDEX CONCURRENTLY.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    deadline = time.monotonic() + LOCK_TIMEOUT
    with engine.connect() as connection:
        while not connection.scalar(text(TRY_MIGRATION_LOCK)):
            connection.rollback()
            if time.monotonic() > deadline:
                raise TimeoutError(f"Another process has been migrating for {LOCK_TIMEOUT} s.")
            time.sleep(LOCK_INTERVAL)
        yield


logger = logging.getLogger(__name__)


def check_connection() -> list[CheckMessage]:
    """Return Dockerflow's errors of a database that does not answer.

    What the driver says of it goes to the log alone, for it names hosts and accounts.
    """
    errors = check_database_connected(db)
    for error in errors:
        logger.warning("the database does not answer: %s", error.msg)
    return [Error("The database does not answer.", id=error.id) for error in errors]


def check_migrations() -> list[CheckMessage]:
    """Return an error until the database has every migration of this code.

    One that is ahead passes: during a deployment the old replicas go on serving.
    """
    with db.engine.connect() as connection:
        applied = applied_revisions(connection)
    known, heads = known_revisions()
    if applied <= known and applied != heads:
        at = ", ".join(applied) or "no revision"
        return [Error(f"The database is at {at}.", id="migrations.unapplied")]
    return []
