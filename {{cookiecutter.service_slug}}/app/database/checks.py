"""What readiness asks of the database: that it answers, and has the schema that this code needs."""

import logging
from functools import cache

from alembic.script import ScriptDirectory
from dockerflow.checks import CheckMessage, Error
from dockerflow.flask.checks import check_database_connected
from sqlalchemy import inspect, text

from app.database.extension import db, migrate

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
    applied = applied_revisions()
    known, heads = revisions()
    if applied <= known and applied != heads:
        at = ", ".join(applied) or "no revision"
        return [Error(f"The database is at {at}.", id="migrations.unapplied")]
    return []


def applied_revisions() -> set[str]:
    """Return where the database is; Alembic can tell as well, and logs two lines each time."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return set()
        return set(connection.scalars(text("SELECT version_num FROM alembic_version")))


@cache
def revisions() -> tuple[set[str], set[str]]:
    """Return every revision that this code knows, and the newest of them."""
    scripts = ScriptDirectory(migrate.directory)
    return {script.revision for script in scripts.walk_revisions()}, set(scripts.get_heads())
