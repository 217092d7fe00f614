{% if cookiecutter.database != "none" %}
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import create_engine, make_url, text
from werkzeug.test import TestResponse

from app import create_app
from app.config import load_config
from app.database import db
from app.database.engine import engine_options, with_driver


@pytest.fixture(scope="session")
def database_url(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of this worker's own: a file, or one beside that of TEST_DATABASE_URL."""
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
    """The application, on a database made by the migrations as in production."""
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
{% else %}
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.config import load_config


@pytest.fixture(scope="session")
def app() -> Flask:
    return create_app(load_config("testing"))
{% endif %}


ENV_EXAMPLE = (Path(__file__).parents[1] / ".env.example").read_text()
SETTINGS, _, _ = ENV_EXAMPLE.partition("# This service's own settings")

# What the machine or a .env sets for the service is not for its tests.
for name in ("APP_ENV", *re.findall(r"^#(\w+)=", SETTINGS, re.MULTILINE)):
    os.environ.pop(name, None)
    os.environ.pop(f"{name}_FILE", None)
# What the tests call is on this machine, whatever proxy it has.
os.environ["no_proxy"] = "*"


class Client(FlaskClient):
    """A client whose requests have ended, with all that is told of them, when it has the answer."""

    def open(self, *args: Any, buffered: bool = True, **kwargs: Any) -> TestResponse:
        return super().open(*args, buffered=buffered, **kwargs)


Flask.test_client_class = Client


@pytest.fixture
def production() -> dict[str, str]:
    """What production must be given, as .env.example says, with its samples."""
    needed: dict[str, str] = {}
    for paragraph in ENV_EXAMPLE.split("\n\n"):
        if "Required in production" in paragraph:
            needed |= re.findall(r"^#(\w+)=(.*)$", paragraph, re.MULTILINE)
    return {name: sample or "x" * 40 for name, sample in needed.items()}


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    """For a test that calls the code itself; a request opens a context of its own."""
    with app.app_context():
        yield


@pytest.fixture
def make_client(app: Flask) -> Callable[[], FlaskClient]:
    """Makes clients, each for a thread of its own."""
    return app.test_client


@pytest.fixture
def client(make_client: Callable[[], FlaskClient]) -> FlaskClient:
    return make_client()
