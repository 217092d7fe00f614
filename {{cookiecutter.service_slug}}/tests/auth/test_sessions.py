"""Logins by session cookie, and protection against cross-site requests."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app import create_app
from app.api import Blueprint
from app.auth.identity import current_identity
from app.auth.logins import LoginSession
from app.auth.users import User, find_user
from app.config import ConfigError, load_config
from app.database.base import now
from app.extensions import db

pytestmark = pytest.mark.skipif(
    not load_config("testing").ACCOUNT_ROUTES, reason="ACCOUNT_ROUTES is off"
)

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}


@pytest.fixture
def log_in(app: Flask, client: FlaskClient) -> Callable[[], FlaskClient]:
    """Return a function that logs in from another browser."""
    client.post("/auth/register", json=ADA)

    def log_in() -> FlaskClient:
        browser = app.test_client()
        response = browser.post("/auth/login", json=ADA)
        assert response.status_code == 200
        browser.environ_base["HTTP_X_CSRF_TOKEN"] = response.get_json()["csrf_token"]
        return browser

    return log_in


def status_of_me(browser: FlaskClient) -> int:
    return browser.get("/auth/me").status_code


def set_times(app: Flask, **offsets: timedelta) -> None:
    """Set columns of every login to the current time plus an offset."""
    with app.app_context():
        values: Any = {name: now() + offset for name, offset in offsets.items()}
        db.session.execute(update(LoginSession).values(values))
        db.session.commit()


def set_cookie_header(response: TestResponse) -> str:
    (header,) = response.headers.getlist("Set-Cookie")
    return header


def test_login_identifies_the_user(log_in: Callable[[], FlaskClient]) -> None:
    assert log_in().get("/auth/me").get_json()["email"] == "ada@example.com"


def test_request_without_a_login_gets_a_challenge(client: FlaskClient) -> None:
    response = client.get("/auth/me")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Cookie ")


def test_cookie_is_http_only_and_same_site(client: FlaskClient) -> None:
    client.post("/auth/register", json=ADA)
    header = set_cookie_header(client.post("/auth/login", json=ADA))
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Path=/" in header
    assert "Domain" not in header


def test_cookie_is_secure_in_production(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in production.items():
        monkeypatch.setenv(name, value)
    config = create_app(load_config("production")).config
    assert config["SESSION_COOKIE_SECURE"]
    assert config["SESSION_COOKIE_NAME"] == "__Host-session"


def test_login_replaces_a_planted_cookie(app: Flask, log_in: Callable[[], FlaskClient]) -> None:
    victim, attacker = log_in(), log_in()
    planted = attacker.get_cookie("session")
    assert planted is not None
    browser = app.test_client()
    browser.set_cookie("session", planted.value)
    browser.post("/auth/login", json=ADA)
    renewed = browser.get_cookie("session")
    assert renewed is not None
    assert renewed.value != planted.value
    attacker.post("/auth/logout")
    assert (status_of_me(browser), status_of_me(victim), status_of_me(attacker)) == (200, 200, 401)


def test_logout_ends_the_login_on_the_server(app: Flask, log_in: Callable[[], FlaskClient]) -> None:
    browser = log_in()
    cookie = browser.get_cookie("session")
    assert cookie is not None
    assert browser.post("/auth/logout").status_code == 204
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    assert status_of_me(thief) == 401


def test_logout_everywhere_ends_all_logins(log_in: Callable[[], FlaskClient]) -> None:
    browsers = [log_in() for _ in range(3)]
    assert browsers[0].post("/auth/logout-everywhere").status_code == 204
    assert {status_of_me(browser) for browser in browsers} == {401}


def test_failing_view_is_rolled_back(
    app: Flask, log_in: Callable[[], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    things = Blueprint("things", __name__, public=True)

    @things.post("/half")
    def half() -> NoReturn:
        db.session.add(User(email="half@example.com", password_hash="x", scopes=""))
        db.session.flush()
        assert current_identity() is not None
        abort(409)

    monkeypatch.setattr("app.RESOURCES", [things])
    config = load_config("testing")
    config.SQLALCHEMY_DATABASE_URI = app.config["SQLALCHEMY_DATABASE_URI"]
    other_app = create_app(config)
    browser = log_in()
    set_times(app, seen_at=timedelta(minutes=-5))
    other = other_app.test_client()
    other.environ_base = browser.environ_base
    cookie = browser.get_cookie("session")
    assert cookie is not None
    other.set_cookie("session", cookie.value)
    assert other.post("/half").status_code == 409
    with app.app_context():
        assert find_user("half@example.com") is None
        seen_at = db.session.scalars(select(LoginSession.seen_at)).one()
        assert now() - seen_at < timedelta(minutes=1)
    with other_app.app_context():
        db.engine.dispose()


def test_idle_login_expires(app: Flask, log_in: Callable[[], FlaskClient]) -> None:
    browser = log_in()
    set_times(app, seen_at=timedelta(minutes=-29))
    assert status_of_me(browser) == 200
    set_times(app, seen_at=timedelta(minutes=-29))
    assert status_of_me(browser) == 200  # used in between
    set_times(app, seen_at=timedelta(minutes=-31))
    assert status_of_me(browser) == 401


def test_login_expires(app: Flask, log_in: Callable[[], FlaskClient]) -> None:
    browser = log_in()
    set_times(app, expires_at=timedelta(seconds=-1))
    assert status_of_me(browser) == 401
    log_in()
    with app.app_context():
        assert db.session.query(LoginSession).count() == 1


@pytest.mark.parametrize("token", [None, "", "x", "0" * 64, "caf\xe9"])
def test_unsafe_request_requires_a_csrf_token(
    log_in: Callable[[], FlaskClient], token: str | None
) -> None:
    browser = log_in()
    del browser.environ_base["HTTP_X_CSRF_TOKEN"]
    headers = {} if token is None else {"X-CSRF-Token": token}
    assert browser.post("/auth/logout", headers=headers).status_code == 403
    assert status_of_me(browser) == 200


def test_csrf_token_is_bound_to_the_login(
    log_in: Callable[[], FlaskClient],
) -> None:
    one, other = log_in(), log_in()
    tokens = [browser.get("/auth/csrf").get_json()["csrf_token"] for browser in (one, other)]
    assert tokens[0] == one.environ_base["HTTP_X_CSRF_TOKEN"] != tokens[1]
    assert one.post("/auth/logout", headers={"X-CSRF-Token": tokens[1]}).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://[",
        "http://[::1",
        "//",
    ],
)
def test_login_from_another_origin_is_rejected(client: FlaskClient, origin: str) -> None:
    client.post("/auth/register", json=ADA)
    response = client.post("/auth/login", json=ADA, headers={"Origin": origin})
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers


def test_login_from_the_same_origin_is_accepted(client: FlaskClient) -> None:
    client.post("/auth/register", json=ADA)
    response = client.post("/auth/login", json=ADA, headers={"Origin": "http://localhost"})
    assert response.status_code == 200


@pytest.mark.parametrize("name", ["SESSION_LIFETIME", "SESSION_IDLE_LIFETIME"])
@pytest.mark.parametrize("value", ["1000000000000", "0", "never"])
def test_invalid_lifetime_is_rejected(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name):
        load_config("testing")


@pytest.mark.parametrize("value", ["", "x.y.z", "eyJhIjoxfQ.abc.def", "\xff"])
def test_invalid_cookie_is_rejected(client: FlaskClient, value: str) -> None:
    client.set_cookie("session", value)
    assert status_of_me(client) == 401
