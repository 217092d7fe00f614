"""Accounts: made, logged into, and told to nobody."""

from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.auth.users.accounts import create_user, find_user
from app.auth.users.models import LoginAttempts
from app.auth.users.throttle import LIMITS, WINDOW
from app.database import db
from app.database.base import now

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}


def log_in(client: FlaskClient, address: str = "127.0.0.1", **changes: str) -> TestResponse:
    environ = {"REMOTE_ADDR": address}
    return client.post("/auth/login", json=ADA | changes, environ_overrides=environ)


@pytest.fixture
def ada(client: FlaskClient) -> None:
    assert client.post("/auth/register", json=ADA).status_code == 201


def test_whoever_registers_may_log_in(client: FlaskClient, ada: None) -> None:
    assert log_in(client).status_code == 200


@pytest.mark.parametrize("email", ["Ada@Example.com", "\uff21da@example.com", " ada@example.com "])
def test_an_address_is_one_account_however_it_is_written(
    client: FlaskClient, ada: None, email: str
) -> None:
    assert log_in(client, email=email).status_code == 200


def test_who_is_known_is_not_told(client: FlaskClient, ada: None) -> None:
    again = client.post("/auth/register", json=ADA | {"password": "another password of mine"})
    new = client.post("/auth/register", json=ADA | {"email": "eve@example.com"})
    assert (again.status_code, set(again.get_json())) == (new.status_code, set(new.get_json()))
    assert log_in(client).status_code == 200

    wrong = log_in(client, password="not the password")
    unknown = log_in(client, email="nobody@example.com")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"]
    told = [response.get_json() for response in (wrong, unknown)]
    assert set(told[0]) == set(told[1])
    assert [body["detail"] for body in told] == [told[0]["detail"]] * 2


def test_a_password_is_hashed_even_where_there_is_none_to_compare(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(
        PasswordHasher, "verify", lambda *args: (verified.append(args[1]), verify(*args))[1]
    )
    assert log_in(client).status_code == 401
    assert [hashed[:10] for hashed in verified] == ["$argon2id$"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"password": "short"}, "#/password"),
        ({"password": "aaaaaaaaaaaaaaaa"}, "#/password"),
        ({"password": "ada@example.com"}, "#/password"),
        ({"password": "x" * 257}, "#/password"),
        ({"password": "nul \0 nul \0 nul"}, "#/password"),
        ({"email": "ada"}, "#/email"),
        ({"email": "\ud800@example.com"}, "#/email"),
        ({"is_active": True}, "#/is_active"),
        ({"scopes": "admin"}, "#/scopes"),
        ({"id": "7"}, "#/id"),
    ],
)
def test_what_cannot_be_registered_is_named(
    client: FlaskClient, changes: dict[str, Any], pointer: str
) -> None:
    response = client.post("/auth/register", json=ADA | changes)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["pointer"] == pointer


def test_registration_can_be_closed(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(client.application.config, "REGISTRATION_OPEN", False)
    assert client.post("/auth/register", json=ADA).status_code == 403


def test_a_password_is_hashed_anew_when_hashing_has_changed(
    client: FlaskClient, app: Flask
) -> None:
    with app.app_context():
        user = create_user(**ADA, scopes="")
        assert user is not None
        user.password_hash = PasswordHasher(time_cost=1, memory_cost=8192).hash(ADA["password"])
        db.session.commit()
        old = user.password_hash
    assert log_in(client).status_code == 200
    with app.app_context():
        user = find_user(ADA["email"])
        assert user is not None
        assert user.password_hash != old
    assert log_in(client).status_code == 200


def test_an_account_is_guessed_at_so_often_and_no_more(client: FlaskClient, ada: None) -> None:
    tried = [
        log_in(client, f"192.0.2.{n}", password="not the password").status_code
        for n in range(LIMITS["account"] + 1)
    ]
    assert tried == [401] * LIMITS["account"] + [429]
    refused = log_in(client, "192.0.2.200")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW.total_seconds()
    assert log_in(client, email="eve@example.com").status_code == 401


def test_an_address_guesses_so_often_and_no_more(
    client: FlaskClient, ada: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "address", 4)
    tried = [log_in(client, email=f"{n}@example.com").status_code for n in range(5)]
    assert tried == [401] * 4 + [429]
    assert log_in(client, "192.0.2.1").status_code == 200


def test_who_logs_in_is_not_counted(
    client: FlaskClient, ada: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "address", 4)
    assert {log_in(client).status_code for _ in range(9)} == {200}


def test_an_unknown_account_is_throttled_like_any(client: FlaskClient) -> None:
    tried = [log_in(client, f"192.0.2.{n}").status_code for n in range(LIMITS["account"] + 1)]
    assert tried == [401] * LIMITS["account"] + [429]


def test_counts_are_forgotten(client: FlaskClient, app: Flask) -> None:
    log_in(client)
    with app.app_context():
        for attempts in db.session.query(LoginAttempts):
            attempts.expires_at = now()
        db.session.commit()
    log_in(client, "192.0.2.1", email="eve@example.com")
    with app.app_context():
        assert db.session.query(LoginAttempts).count() == 2


def run(app: Flask, *command: str, **options: Any) -> Any:
    return app.test_cli_runner().invoke(args=["users", *command], **options)


def test_a_user_is_made_on_the_command_line(app: Flask, client: FlaskClient) -> None:
    password = f"{ADA['password']}\n" * 2
    made = run(app, "create", "ada@example.com", "--scopes", "things:read", input=password)
    assert made.exit_code == 0, made.output
    assert log_in(client).status_code == 200
    again = run(app, "create", "Ada@example.com", env={"NEW_USER_PASSWORD": ADA["password"]})
    assert (again.exit_code, "There is an account" in again.output) == (1, True)


@pytest.mark.parametrize("email", ["ada", "\x00@example.com"])
def test_a_user_that_cannot_be_is_refused_on_the_command_line(app: Flask, email: str) -> None:
    refused = run(app, "create", email, env={"NEW_USER_PASSWORD": "short"})
    assert refused.exit_code == 1
    assert "password" in refused.output


def test_a_user_is_let_in_no_more(app: Flask, client: FlaskClient, ada: None) -> None:
    log_in(client)
    assert "1 logins ended" in run(app, "revoke", "ada@example.com", "--disable").output
    assert log_in(client).status_code == 401
    assert run(app, "revoke", "nobody@example.com").exit_code == 1
