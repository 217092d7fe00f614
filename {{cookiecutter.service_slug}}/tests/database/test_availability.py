import sqlite3
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import exc, text

from app import create_app
from app.config import load_config
from app.extensions import db


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    """Return a client of an application whose database cannot be opened."""
    config = load_config("testing")
    config.SQLALCHEMY_DATABASE_URI = "sqlite:////nowhere/at/all.sqlite3"
    config.SQLALCHEMY_ENGINE_OPTIONS = {}
    app = create_app(config)
    add_query(app)
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def add_query(app: Flask) -> None:
    @app.get("/query")
    def query() -> str:
        return str(db.session.scalar(text("SELECT 1")))


def test_the_service_stays_live(client: FlaskClient) -> None:
    assert client.get("/health/live").status_code == 200


def test_the_service_is_not_ready(client: FlaskClient) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert set(response.get_json()["checks"].values()) == {"error"}


def test_a_request_gets_a_503_with_retry_after(client: FlaskClient) -> None:
    response = client.get("/query")
    assert response.status_code == 503
    assert response.mimetype == "application/problem+json"
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exc.IntegrityError("INSERT", {}, Exception("duplicate key")), 409),
        (exc.DataError("INSERT", {}, Exception("out of range")), 422),
        (exc.TimeoutError("pool"), 503),
    ],
)
def test_a_database_error_is_a_problem(client: FlaskClient, error: Exception, status: int) -> None:
    @client.application.get("/failing")
    def failing() -> str:
        raise error

    response = client.get("/failing")
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert "INSERT" not in response.text


class DriverError(Exception):
    """Driver error with an SQLSTATE and an error number, for any database."""

    def __init__(self, sqlstate: str, number: int) -> None:
        super().__init__(number)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (exc.OperationalError("UPDATE", {}, DriverError("40P01", 1213)), "conflicted"),
        (exc.OperationalError("UPDATE", {}, DriverError("57014", 1969)), "time limit"),
        (exc.OperationalError("UPDATE", {}, DriverError("08006", 2013)), "unavailable"),
        (exc.TimeoutError("pool"), "became free"),
    ],
)
def test_the_detail_names_the_cause(client: FlaskClient, error: Exception, detail: str) -> None:
    @client.application.get("/failing")
    def failing() -> str:
        raise error

    response = client.get("/failing")
    assert response.status_code == 503
    assert detail in response.get_json()["detail"]
    assert int(response.headers["Retry-After"]) > 0


def test_a_connection_that_fails_at_the_end_of_a_request_is_discarded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise sqlite3.OperationalError("server closed the connection")

    config = load_config("testing")
    config.SQLALCHEMY_DATABASE_URI = "sqlite://"
    config.SQLALCHEMY_ENGINE_OPTIONS = {}
    app = create_app(config)
    add_query(app)
    client = app.test_client()
    assert client.get("/query").text == "1"
    with app.app_context():
        engine = db.engine
    with monkeypatch.context() as patch:
        patch.setattr(engine.dialect, "do_rollback", fail)
        assert client.get("/query").text == "1"
    assert client.get("/query").text == "1"
    engine.dispose()


def test_wait_fails_after_its_timeout(client: FlaskClient) -> None:
    command = ["database", "wait", "--timeout=0"]
    result = client.application.test_cli_runner().invoke(args=command)
    assert result.exit_code == 1
    assert "unavailable after 0 s" in result.output
