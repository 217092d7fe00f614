"""What readiness asks of the database: that it answers, and has the schema that this code needs."""

from functools import cache

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select

from app.database.extension import db, migrate


class UnappliedMigrations(Exception):
    """The database's schema is older than this code."""


def check_connection() -> None:
    """Raise when the database does not answer."""
    with db.engine.connect() as connection:
        connection.execute(select(1))


def check_migrations() -> None:
    """Raise `UnappliedMigrations` until the database has every migration of this code.

    One that is ahead passes: during a deployment the old replicas go on serving.
    """
    with db.engine.connect() as connection:
        applied = set(MigrationContext.configure(connection).get_current_heads())
    known, heads = revisions()
    if applied <= known and applied != heads:
        raise UnappliedMigrations(f"the database is at {', '.join(applied) or 'no revision'}")


@cache
def revisions() -> tuple[set[str], set[str]]:
    """Return every revision that this code knows, and the newest of them."""
    scripts = ScriptDirectory(migrate.directory)
    return {script.revision for script in scripts.walk_revisions()}, set(scripts.get_heads())
