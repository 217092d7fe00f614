"""Revisions of the database, the migration lock, and the readiness checks."""

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

# Seconds to wait for the lock, and between two attempts.
LOCK_TIMEOUT = 3600
LOCK_INTERVAL = 0.5
# `flask database migrate` passes this tag to migrations/env.py.
ACCEPT_AHEAD = "accept-ahead"

logger = logging.getLogger(__name__)


def applied_revisions(connection: Connection) -> set[str]:
    """Return the revisions of the database, without the two lines that Alembic logs each time."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.scalars(text("SELECT version_num FROM alembic_version")))


@cache
def known_revisions() -> tuple[set[str], set[str]]:
    """Return all revisions of this release, and its heads."""
    scripts = ScriptDirectory(migrate.directory)
    return {script.revision for script in scripts.walk_revisions()}, set(scripts.get_heads())


@contextmanager
def migration_lock(engine: Engine) -> Iterator[None]:
    """Hold the migration lock; raise `TimeoutError` if another process holds it too long.

    A separate connection holds the lock. It polls: a statement that waits for the lock would block
    the CREATE INDEX CONCURRENTLY of the process that migrates.
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


def check_connection() -> list[CheckMessage]:
    """Return an error if the database does not respond.

    Log the driver's message, but do not return it: it contains hosts and accounts.
    """
    errors = check_database_connected(db)
    for error in errors:
        logger.warning("the database does not respond: %s", error.msg)
    return [Error("The database does not respond.", id=error.id) for error in errors]


def check_migrations() -> list[CheckMessage]:
    """Return an error if the database lacks a migration of this release.

    A database that is ahead passes: during a deployment, old replicas keep serving requests.
    """
    with db.engine.connect() as connection:
        applied = applied_revisions(connection)
    known, heads = known_revisions()
    if applied <= known and applied != heads:
        at = ", ".join(applied) or "no revision"
        return [Error(f"The database lacks migrations: it is at {at}.", id="migrations.unapplied")]
    return []
