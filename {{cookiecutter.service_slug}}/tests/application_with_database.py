"""Fixtures of the application under test and its database."""

import os
from collections.abc import Iterator

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, make_url, text

from app import create_app
from app.config import load_config
from app.database import db
from app.database.engine import engine_options, with_driver

__all__ = ["_empty_tables", "app", "database_url"]


@pytest.fixture(scope="session")
def database_url(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Create a database for this pytest worker: a file, or one on the server of TEST_DATABASE_URL."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given is None:
        yield f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"
        return
    url = make_url(with_driver(given))
    own = url.set(database=f"{url.database}_{worker_id}")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {own.database}"))
        connection.execute(text(f"CREATE DATABASE {own.database}"))
    yield own.render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {own.database}"))
    server.dispose()


@pytest.fixture(scope="session")
def app(database_url: str) -> Iterator[Flask]:
    """Return the application with a database that the migrations create, as in production."""
    config = load_config("testing")
    config.SQLALCHEMY_DATABASE_URI = database_url
    config.SQLALCHEMY_ENGINE_OPTIONS = engine_options(database_url, threads=4)
    app = create_app(config)
    with app.app_context():
        upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def _empty_tables(app: Flask) -> Iterator[None]:
    yield
    with app.app_context(), db.engine.begin() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(table.delete())
