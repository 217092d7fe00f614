"""What readiness asks of the database: that it answers, and has the schema that this code needs."""

import logging

from dockerflow.checks import CheckMessage, Error
from dockerflow.flask.checks import check_database_connected

from app.database.extension import db
from app.database.migrations import applied_revisions, known_revisions

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
