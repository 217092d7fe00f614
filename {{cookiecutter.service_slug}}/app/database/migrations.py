"""The template's migrations, the service's own revisions, the migration lock, and the readiness checks.

The files of migrations/template belong to the template; the table `template_migrations` records
each by name. The files of migrations/versions belong to the service: Flask-Migrate's revisions.
Neither refers to the other, so an update of the template never conflicts with own revisions.
"""

import importlib.util
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from dockerflow.checks import CheckMessage, Error
from dockerflow.flask.checks import check_database_connected
from sqlalchemy import (
    TIMESTAMP,
    URL,
    Column,
    Connection,
    Engine,
    FromClause,
    Insert,
    MetaData,
    String,
    Table,
    func,
    inspect,
    literal,
    null,
    select,
    text,
)
from sqlalchemy.schema import CreateTable

from app.database.dialect import TRY_MIGRATION_LOCK
from app.extensions import db, migrate

# Seconds to wait for the lock, and between two attempts.
LOCK_TIMEOUT = 3600
LOCK_INTERVAL = 0.5
# `flask database migrate` passes this tag to migrations/env.py.
ACCEPT_AHEAD = "accept-ahead"

logger = logging.getLogger(__name__)

metadata = MetaData()
template_migrations = Table(
    "template_migrations",
    metadata,
    Column("name", String(128), primary_key=True),
    Column(
        "applied_at",
        TIMESTAMP(timezone=True),
        server_default=func.current_timestamp(),
        nullable=False,
    ),
)
alembic_version = Table("alembic_version", metadata, Column("version_num", String(32)))


def read_history(connection: Connection) -> tuple[set[str], set[str]]:
    """Return the template's migrations and the own revisions of the database.

    Two statements at most: the readiness check is frequent. Without the tables, both are empty.
    """
    tables = inspect(connection).get_table_names()
    columns = []
    # One row even if a table is empty. No UNION: the tables may differ in their collation.
    zero = select(literal(0).label("zero")).subquery()
    rows: FromClause = zero
    for column in (template_migrations.c.name, alembic_version.c.version_num):
        if column.table.name in tables:
            # Always true: SQLAlchemy warns of a join without a condition.
            rows = rows.outerjoin(column.table, func.length(column) > zero.c.zero)
        columns.append(column if column.table.name in tables else null().label(column.name))
    found = connection.execute(select(*columns).select_from(rows)).all()
    names, revisions = ({row[index] for row in found} - {None} for index in (0, 1))
    return names, revisions


@cache
def known_revisions() -> tuple[set[str], set[str]]:
    """Return all own revisions of this release, and their heads."""
    scripts = ScriptDirectory(migrate.directory)
    return {script.revision for script in scripts.walk_revisions()}, set(scripts.get_heads())


@cache
def known_template_migrations() -> dict[str, Path]:
    """Return the files of the template's migrations by name, sorted: that is how they are applied."""
    files = Path(migrate.directory, "template").glob("[0-9]*.py")
    return {path.stem: path for path in sorted(files)}


def load_migration(path: Path) -> ModuleType:
    """Import the template's migration `path`; its name is not an identifier."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def missing_migrations(recorded: set[str]) -> list[str]:
    """Return the template's migrations that are not `recorded`, sorted."""
    return [name for name in known_template_migrations() if name not in recorded]


def record_migration(name: str) -> Insert:
    """Return the statement that records the template's migration `name` as applied."""
    return template_migrations.insert().values(name=name)


def apply_migrations(context: MigrationContext, names: Iterable[str]) -> None:
    """Apply the template's migrations `names`, each in its own transaction."""
    with Operations.context(context):
        for name in names:
            with context.begin_transaction():
                load_migration(known_template_migrations()[name]).upgrade()
                context.execute(record_migration(name))
            logger.info("applied the template's migration %s", name)


def migrate_template(connection: Connection) -> None:
    """Apply the template's migrations that the database lacks. Ends the transaction."""
    template_migrations.create(connection, checkfirst=True)
    recorded, _ = read_history(connection)
    # In a transaction that is already open, Alembic would not begin one for each migration.
    connection.commit()
    if missing := missing_migrations(recorded):
        # Some databases commit with each change of the schema, whatever is begun.
        context = MigrationContext.configure(connection, opts={"transactional_ddl": True})
        apply_migrations(context, missing)


def print_template(url: URL) -> None:
    """Print the SQL of all of the template's migrations, for an empty database."""
    context = MigrationContext.configure(url=url, opts={"as_sql": True, "literal_binds": True})
    context.execute(CreateTable(template_migrations))
    apply_migrations(context, known_template_migrations())


def has(connection: Connection, name: str) -> bool:
    """Return whether the database has a table, or a column as "table.column"."""
    table, _, column = name.partition(".")
    inspector = inspect(connection)
    if not column or not inspector.has_table(table):
        return inspector.has_table(table)
    return column in {found["name"] for found in inspector.get_columns(table)}


def is_in_database(name: str) -> bool:
    """Return whether a revision finds the table, or the column as "table.column", that it drops.

    A new database may never have had it. With --sql, return True.
    """
    return op.get_context().as_sql or has(op.get_bind(), name)


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
        recorded, applied = read_history(connection)
    missing = known_template_migrations().keys() - recorded
    known, heads = known_revisions()
    if applied <= known:
        missing |= heads - applied
    if missing:
        lacking = ", ".join(sorted(missing))
        return [Error(f"The database lacks migrations: {lacking}.", id="migrations.unapplied")]
    return []
