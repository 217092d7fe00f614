"""Adopt the databases of release 0.1.0, in which the template's migrations were Alembic revisions.

To remove it, delete this file, its two calls in migrations/env.py, and `CREATES` of the template's
migrations. Services of 0.1.0 then have to update to an earlier release first.
"""

import re
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import Connection

from app.database.migrations import (
    alembic_version,
    has,
    known_template_migrations,
    load_migration,
    read_history,
    record_migration,
    template_migrations,
)

# The ids of the template's revisions, with the suffixes that variants had.
OLD_REVISION = re.compile(r"000[1-5](_[a-z]+)?")
OLD_DOWN_REVISION = re.compile(rf"^down_revision\b.*=\s*[\"']{OLD_REVISION.pattern}[\"']", re.M)
# Recorded for an adopted database, as long as a migration of 0.1.0 may come back with its piece.
ADOPTED = "0.1.0"


def validate_revisions(directory: str) -> None:
    """Raise `CommandError` if an own revision refers to one of the template, as in 0.1.0."""
    for path in sorted(Path(directory, "versions").glob("*.py")):
        if OLD_DOWN_REVISION.search(path.read_text()):
            raise CommandError(
                f"{path.name} refers to a migration of the template, which is not a revision any "
                "more: set down_revision = None in this file."
            )


def adopt_database(connection: Connection) -> None:
    """Record what a database of 0.1.0 has of the template's migrations. Ends the transaction."""
    recorded, revisions = read_history(connection)
    old = {revision for revision in revisions if OLD_REVISION.fullmatch(revision)}
    if old or (revisions and not has(connection, template_migrations.name)):
        template_migrations.create(connection, checkfirst=True)
        connection.execute(alembic_version.delete().where(alembic_version.c.version_num.in_(old)))
        connection.execute(record_migration(ADOPTED))
        recorded.add(ADOPTED)
    for name, path in known_template_migrations().items() if ADOPTED in recorded else ():
        creates = getattr(load_migration(path), "CREATES", None)
        if name not in recorded and creates and has(connection, creates):
            connection.execute(record_migration(name))
    connection.commit()
