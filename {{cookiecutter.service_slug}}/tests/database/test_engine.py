from types import SimpleNamespace
from typing import Any, cast

import pytest
from environs import ValidationError
from sqlalchemy import Column, ForeignKey, Integer, MetaData, QueuePool, Table, create_engine
from sqlalchemy.exc import IntegrityError

from app.config import ConfigError, load_config
from app.database import engine
from app.database.engine import engine_options, with_driver
from app.extensions import db


@pytest.mark.parametrize("url", ["", "elsewhere", "oracle://host/service"])
def test_an_invalid_database_url_is_rejected(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        load_config("development")


def test_a_url_gets_the_driver_of_the_service() -> None:
    url = with_driver("{{ cookiecutter.database }}://user:p%40ss@host/service")
    assert url.startswith("{{ cookiecutter.database }}+")
    assert url.endswith("://user:p%40ss@host/service")
    with pytest.raises(ValidationError):
        with_driver("{{ cookiecutter.database }}+other://host/service")


def test_arguments_in_the_url_take_precedence() -> None:
    options = engine_options("{{ cookiecutter.database }}://host/service?connect_timeout=9", threads=8)
    assert "connect_timeout" not in options["connect_args"]


def test_one_attempt_at_a_time_while_the_database_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Refused(Exception):
        pass

    attempts: list[str] = []

    def refuse(*_: object) -> None:
        attempts.append("refused")
        raise Refused

    dialect = SimpleNamespace(loaded_dbapi=SimpleNamespace(Error=Refused, OperationalError=Refused))
    monkeypatch.setattr(engine, "open_connection", refuse)
    connector = engine.Connector()
    for _ in range(5):
        with pytest.raises(Refused):
            connector.connect(cast("Any", dialect), None, [], {})
    assert len(attempts) == 1

    connector.retry_at = 0.0
    monkeypatch.setattr(engine, "open_connection", lambda *_: "connection")
    for _ in range(2):
        assert connector.connect(cast("Any", dialect), None, [], {}) == "connection"


@pytest.mark.usefixtures("app_context")
def test_foreign_keys_are_enforced_on_every_database() -> None:
    metadata = MetaData()
    Table("test_parents", metadata, Column("id", Integer, primary_key=True))
    parent = ForeignKey("test_parents.id")
    child = Table("test_children", metadata, Column("id", Integer, parent, primary_key=True))
    metadata.create_all(db.engine)
    try:
        with pytest.raises(IntegrityError), db.engine.begin() as connection:
            connection.execute(child.insert().values(id=1))
    finally:
        metadata.drop_all(db.engine)


def test_the_time_to_get_a_connection_is_bounded() -> None:
    options = engine_options("{{ cookiecutter.database }}://host", threads=8)
    assert options["connect_args"]["connect_timeout"] <= 5
    assert options["pool_timeout"] <= 5
    assert options["pool_size"] == 8


def test_the_maximum_of_a_pool_is_measured() -> None:
    pooled = create_engine("sqlite://", poolclass=QueuePool, pool_size=3, max_overflow=2)
    engine.sample_pools([pooled])
    assert engine.MAXIMUM._value.get() == 5
