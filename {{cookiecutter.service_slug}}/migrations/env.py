"""Run the migrations with the application's engine and models.

An upgrade first applies the template's migrations, then the service's own revisions.
"""

import logging
from typing import Any

from alembic import context
from flask import current_app

from app.database.adoption import adopt_database, validate_revisions
from app.database.autogenerate import RevisionFilter, import_type, include_name
from app.database.engine import create_migration_engine
from app.database.migrations import (
    ACCEPT_AHEAD,
    known_revisions,
    migrate_template,
    migration_lock,
    print_template,
    read_history,
)

migrate = current_app.extensions["migrate"]
engine = create_migration_engine(migrate.db.engine.url)

revision_filter = RevisionFilter(
    migrate.db.metadata,
    context.get_x_argument(),
    is_written=getattr(context.config.cmd_opts, "autogenerate", False),
)
options: dict[str, Any] = {
    "target_metadata": migrate.db.metadata,
    "render_item": import_type,
    "include_name": include_name,
    "include_object": revision_filter.include_object,
    "process_revision_directives": revision_filter.process_directives,
    # SQLite cannot alter most of a table: Alembic copies the table instead.
    "render_as_batch": engine.name == "sqlite",
}


def is_upgrade() -> bool:
    """Return whether the command is an upgrade; Alembic 1.20 has no public name for it."""
    return getattr(context.get_context().opts.get("fn"), "__name__", None) == "upgrade"


def run_offline() -> None:
    """Print the SQL instead of executing it (flask db upgrade --sql)."""
    context.configure(url=engine.url, literal_binds=True, **options)
    if is_upgrade() and context.get_starting_revision_argument() is None:
        print_template(engine.url)
    elif is_upgrade():
        print("-- Only own revisions: the template's migrations are printed without a range.")
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the migrations; a second replica waits for the lock and finds nothing to migrate."""
    with migration_lock(engine), engine.connect() as connection:
        context.configure(connection=connection, **options)
        if is_upgrade():
            adopt_database(connection)
            migrate_template(connection)
        if context.get_tag_argument() == ACCEPT_AHEAD:
            ahead = read_history(connection)[1] - known_revisions()[0]
            connection.rollback()
            if ahead:
                message = "the database is ahead of this release, at %s: nothing to migrate"
                logging.getLogger(__name__).warning(message, ", ".join(sorted(ahead)))
                return
        with context.begin_transaction():
            context.run_migrations()


validate_revisions(migrate.directory)
if context.is_offline_mode():
    run_offline()
else:
    run_online()
