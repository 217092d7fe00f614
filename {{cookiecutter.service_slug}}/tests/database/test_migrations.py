from glob import glob

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Column, MetaData, String, Table, inspect, select

from app.database.migrations import check_migrations
from app.extensions import db

# A service without revisions has none to apply.
UNAPPLIED = "error" if glob("migrations/versions/*.py") else "ok"

version = Table("alembic_version", MetaData(), Column("version_num", String(32)))


@pytest.mark.usefixtures("app_context")
def test_the_migrations_match_the_models() -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


@pytest.mark.usefixtures("app_context")
def test_the_migrations_can_be_reverted_and_applied_again(app: Flask) -> None:
    downgrade(revision="base")
    left = inspect(db.engine).get_table_names()
    ready = app.test_client().get("/health/ready").get_json()
    upgrade()
    assert left == ["alembic_version"]
    assert ready["checks"] == {"database": "ok", "migrations": UNAPPLIED}
    assert set(db.metadata.tables) <= set(inspect(db.engine).get_table_names())


@pytest.mark.usefixtures("app_context")
def test_a_database_that_is_ahead_is_ready() -> None:
    with db.engine.begin() as connection:
        before = connection.execute(select(version)).scalars().all()
        connection.execute(version.delete())
        connection.execute(version.insert().values(version_num="later"))
    try:
        assert check_migrations() == []
    finally:
        with db.engine.begin() as connection:
            connection.execute(version.delete())
            for revision in before:
                connection.execute(version.insert().values(version_num=revision))


@pytest.mark.usefixtures("app_context")
def test_migrate_does_not_change_a_database_that_is_ahead(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with db.engine.begin() as connection:
        before = connection.execute(select(version)).scalars().all()
        connection.execute(version.delete())
        connection.execute(version.insert().values(version_num="later"))
    try:
        migrated = app.test_cli_runner().invoke(args=["database", "migrate"])
        with db.engine.connect() as connection:
            after = connection.execute(select(version)).scalars().all()
    finally:
        with db.engine.begin() as connection:
            connection.execute(version.delete())
            for revision in before:
                connection.execute(version.insert().values(version_num=revision))
    assert migrated.exit_code == 0, migrated.output
    assert after == ["later"]
    (line,) = [record for record in caplog.records if "ahead" in record.message]
    assert "later" in line.message


@pytest.mark.usefixtures("app_context")
def test_migrate_applies_missing_revisions(app: Flask) -> None:
    downgrade(revision="base")
    migrated = app.test_cli_runner().invoke(args=["database", "migrate"])
    assert migrated.exit_code == 0, migrated.output
    assert check_migrations() == []


def test_wait_ends_when_the_database_is_available(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["database", "wait"])
    assert (result.exit_code, result.output) == (0, "The database is available.\n")
