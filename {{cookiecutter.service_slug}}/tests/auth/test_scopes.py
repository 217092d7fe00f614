"""The scopes of new users and tokens."""

import logging
from typing import Any

import pytest
from flask import Flask

from app import create_app
from app.api import Blueprint
from app.auth.scopes import declared_scopes, default_scopes
from app.config import ConfigError, load_config


def make_service(monkeypatch: pytest.MonkeyPatch, *resources: Blueprint, **settings: Any) -> Flask:
    monkeypatch.setattr("app.RESOURCES", list(resources))
    config = load_config("testing")
    for name, value in settings.items():
        setattr(config, name, value)
    return create_app(config)


def test_new_users_get_the_scopes_of_blueprints_that_grant_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    granted = Blueprint("granted", __name__, scope="granted", grant=True)
    withheld = Blueprint("withheld", __name__, scope="withheld", grant=False)
    undecided = Blueprint("undecided", __name__, scope="undecided")
    undecided.requires("audit")
    granted.register_blueprint(undecided)
    with caplog.at_level(logging.WARNING):
        service = make_service(monkeypatch, granted, withheld, DEFAULT_SCOPES=None)
    with service.app_context():
        scopes = set(default_scopes().split())
        assert scopes >= {"granted:read", "granted:write"}
        assert not [scope for scope in scopes if scope.startswith(("withheld", "undecided"))]
        assert declared_scopes() >= {*scopes, "withheld:read", "undecided:write", "audit"}
    warnings = [record.getMessage() for record in caplog.records]
    assert [warning for warning in warnings if "undecided" in warning] == [
        "New users are not granted undecided:read undecided:write:"
        " pass grant=True or grant=False to the blueprint undecided."
    ]
    assert not [warning for warning in warnings if "withheld" in warning]


def test_default_scopes_replace_those_of_blueprints(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    granted = Blueprint("granted", __name__, scope="granted", grant=True)
    listed = Blueprint("listed", __name__, scope="listed")
    with caplog.at_level(logging.WARNING):
        default = "listed:read listed:write"
        service = make_service(monkeypatch, granted, listed, DEFAULT_SCOPES=default)
    with service.app_context():
        assert default_scopes() == default
    assert not [record for record in caplog.records if "listed" in record.getMessage()]


@pytest.mark.parametrize("scopes", [["a:read"], "a  b", 'a"', "x" * 256, 7])
def test_invalid_default_scopes_are_rejected(monkeypatch: pytest.MonkeyPatch, scopes: Any) -> None:
    with pytest.raises(ConfigError, match="DEFAULT_SCOPES"):
        make_service(monkeypatch, DEFAULT_SCOPES=scopes)


def test_invalid_lifetimes_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in vars(load_config("testing")) if name.endswith("_LIFETIME")]
    for name in names:
        for value in ("600", 0, -1, 10**9, True, 1.5):
            with pytest.raises(ConfigError, match=name):
                make_service(monkeypatch, **{name: value})
        make_service(monkeypatch, **{name: 600})
