"""Where the database is among the migrations, and the lock that lets one process migrate."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from app.database.extension import migrate
from app.database.{{ cookiecutter.database }} import TRY_MIGRATION_LOCK

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
