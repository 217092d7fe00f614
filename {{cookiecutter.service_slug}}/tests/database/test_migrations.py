from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from app.database import db


def test_the_migrations_make_what_the_models_say(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_the_migrations_go_down_and_up_again(app: Flask) -> None:
    downgrade(revision="base")
    left = inspect(db.engine).get_table_names()
    upgrade()
    assert left == ["alembic_version"]
    assert set(db.metadata.tables) <= set(inspect(db.engine).get_table_names())
