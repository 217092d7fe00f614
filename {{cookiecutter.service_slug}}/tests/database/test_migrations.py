from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.util import CommandError
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Engine, delete, event, inspect, select, text

from app import create_app
from app.config import load_config
from app.database import migrations
from app.database.adoption import ADOPTED, validate_revisions
from app.database.autogenerate import RevisionFilter, include_name
from app.database.migrations import (
    alembic_version,
    check_migrations,
    known_revisions,
    known_template_migrations,
    read_history,
    template_migrations,
)
from app.extensions import db

EXTRA = '''"""Create a table."""

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True))
'''


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Flask]:
    """Return an application with an empty database."""
    config = load_config("testing")
    config.SQLALCHEMY_DATABASE_URI = f"sqlite:///{tmp_path}/empty.sqlite3"
    config.SQLALCHEMY_ENGINE_OPTIONS = {}
    app = create_app(config)
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, app: Flask) -> Iterator[Path]:
    """Add a migration to those of the template, and remove its table afterwards."""
    path = tmp_path / "9999_create_extra.py"
    path.write_text(EXTRA)
    files = {**known_template_migrations(), path.stem: path}
    monkeypatch.setattr(migrations, "known_template_migrations", lambda: files)
    yield path
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS extra"))
        recorded = template_migrations.c.name == path.stem
        connection.execute(delete(template_migrations).where(recorded))


@pytest.fixture
def _ahead(app_context: None) -> Iterator[None]:
    """Put the database at a revision that this release does not have."""
    with db.engine.begin() as connection:
        before = connection.execute(select(alembic_version)).scalars().all()
        connection.execute(alembic_version.delete())
        connection.execute(alembic_version.insert().values(version_num="later"))
    yield
    with db.engine.begin() as connection:
        connection.execute(alembic_version.delete())
        for revision in before:
            connection.execute(alembic_version.insert().values(version_num=revision))


def migrate(app: Flask) -> Any:
    return app.test_cli_runner().invoke(args=["database", "migrate"])


def history() -> tuple[set[str], set[str]]:
    with db.engine.connect() as connection:
        return read_history(connection)


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names())


def count_statements(engine: Engine) -> list[str]:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    return statements


@pytest.mark.usefixtures("app_context")
def test_the_migrations_match_the_models() -> None:
    with db.engine.connect() as connection:
        options = {"compare_type": True, "include_name": include_name}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, db.metadata) == []


@pytest.mark.usefixtures("app_context")
def test_own_revisions_can_be_reverted_and_applied_again() -> None:
    before = tables()
    downgrade(revision="base")
    lacking = {error.id for error in check_migrations()}
    recorded, revisions = history()
    upgrade()
    assert revisions == set()
    assert recorded >= known_template_migrations().keys()
    assert lacking == ({"migrations.unapplied"} if known_revisions()[1] else set())
    assert tables() == before
    assert check_migrations() == []


def test_an_empty_database_is_not_ready_until_it_is_migrated(empty: Flask) -> None:
    statements = count_statements(db.engine)
    lacking = check_migrations()
    assert len(statements) <= 2
    assert bool(lacking) == bool(known_template_migrations() or known_revisions()[0])
    assert tables() == set()

    assert migrate(empty).exit_code == 0
    statements.clear()
    assert check_migrations() == []
    assert len(statements) <= 2
    assert tables() == {*db.metadata.tables, "alembic_version", "template_migrations"}


@pytest.mark.usefixtures("app_context")
def test_the_readiness_check_executes_two_statements() -> None:
    statements = count_statements(db.engine)
    assert check_migrations() == []
    assert len(statements) <= 2


def test_an_upgrade_applies_the_migrations_of_the_template(empty: Flask) -> None:
    upgrade()
    assert check_migrations() == []
    assert set(db.metadata.tables) <= tables()


@pytest.mark.usefixtures("app_context")
def test_a_migration_of_the_template_is_applied_once(app: Flask, extra: Path) -> None:
    (lacking,) = check_migrations()
    assert lacking.msg == f"The database lacks migrations: {extra.stem}."
    assert app.test_client().get("/health/ready").status_code == 503
    for _ in range(2):
        result = migrate(app)
        assert result.exit_code == 0, result.output
    assert "extra" in tables()
    assert extra.stem in history()[0]
    assert check_migrations() == []


@pytest.mark.usefixtures("app_context")
def test_a_migration_of_the_template_that_fails_is_not_recorded(app: Flask, extra: Path) -> None:
    extra.write_text("def upgrade() -> None:\n    raise RuntimeError\n")
    assert migrate(app).exit_code == 1
    assert extra.stem not in history()[0]
    extra.write_text(EXTRA)
    assert migrate(app).exit_code == 0


@pytest.mark.usefixtures("app_context")
def test_a_migration_of_the_template_whose_file_is_gone_stays_applied(
    app: Flask, extra: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = migrations.known_template_migrations()
    migrate(app)
    kept = {name: path for name, path in files.items() if name != extra.stem}
    monkeypatch.setattr(migrations, "known_template_migrations", lambda: kept)
    assert check_migrations() == []
    assert migrate(app).exit_code == 0
    monkeypatch.setattr(migrations, "known_template_migrations", lambda: files)
    assert check_migrations() == []
    assert migrate(app).exit_code == 0


@pytest.mark.usefixtures("_ahead")
def test_a_database_that_is_ahead_is_ready() -> None:
    assert check_migrations() == []


@pytest.mark.usefixtures("_ahead")
def test_migrate_does_not_change_a_database_that_is_ahead(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    migrated = migrate(app)
    assert migrated.exit_code == 0, migrated.output
    assert history()[1] == {"later"}
    (line,) = [record for record in caplog.records if "ahead" in record.message]
    assert "later" in line.message


@pytest.fixture
def _left(empty: Flask) -> None:
    """Leave tables in the database that are in no model: what an answer that is turned off leaves."""
    migrate(empty)
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE left_one (id INTEGER PRIMARY KEY, name TEXT)"))
        connection.execute(text("CREATE INDEX ix_left ON left_one (name)"))
        reference = "other_id INTEGER, FOREIGN KEY (other_id) REFERENCES left_one (id)"
        connection.execute(text(f"CREATE TABLE left_two (id INTEGER PRIMARY KEY, {reference})"))


def write_revision(*arguments: str) -> str:
    """Return the code of the upgrade that `flask db migrate` writes."""
    revision_filter = RevisionFilter(db.metadata, list(arguments), is_written=False)
    options = {"include_name": include_name, "include_object": revision_filter.include_object}
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        script = produce_migrations(context, db.metadata)
        revision_filter.process_directives(context, None, [script])
        assert script.upgrade_ops is not None
        return render_python_code(script.upgrade_ops, migration_context=context)


@pytest.mark.usefixtures("_left")
def test_a_revision_drops_only_what_is_named() -> None:
    assert "drop" not in write_revision()
    named = write_revision("drop=left_two", "another=argument")
    assert "op.drop_table('left_two')" in named
    assert "left_one" not in named
    both = write_revision("drop=left_one", "drop=left_two")
    assert both.index('is_in_database("left_two")') < both.index('is_in_database("left_one")')


@pytest.mark.usefixtures("_left")
def test_a_revision_drops_nothing_that_a_model_has_or_nobody() -> None:
    with pytest.raises(CommandError, match="Cannot drop missing"):
        write_revision("drop=missing")


def test_no_revision_is_written_for_a_database_that_is_behind(empty: Flask, extra: Path) -> None:
    with pytest.raises(CommandError, match="Target database is not up to date"):
        write_revision()


def test_a_database_of_the_first_release_is_adopted(
    empty: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = known_template_migrations()
    first = {name: path for name, path in files.items() if "CREATES" in path.read_text()}
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "known_template_migrations", lambda: first)
        migrate(empty)
    revisions = history()[1]
    with db.engine.begin() as connection:
        template_migrations.drop(connection)
        if not revisions:
            connection.execute(alembic_version.insert().values(version_num="0003"))
    migrated = migrate(empty)
    assert migrated.exit_code == 0, migrated.output
    assert history() == ({*known_template_migrations(), ADOPTED}, revisions)
    assert migrate(empty).exit_code == 0


def test_a_revision_that_refers_to_the_template_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "versions" / "1_own.py"
    path.parent.mkdir()
    path.write_text('revision = "1"\ndown_revision = "0005"\n')
    with pytest.raises(CommandError, match="1_own.py refers .* set down_revision = None"):
        validate_revisions(str(tmp_path))
    path.write_text('revision = "1"\ndown_revision = None\n')
    validate_revisions(str(tmp_path))


def test_wait_ends_when_the_database_is_available(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["database", "wait"])
    assert (result.exit_code, result.output) == (0, "The database is available.\n")
