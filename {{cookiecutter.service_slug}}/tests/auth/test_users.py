"""Accounts: registration, login, throttling."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.exceptions import Unauthorized
from werkzeug.test import TestResponse

from app import create_app
from app.auth import logins, throttle
from app.auth.throttle import PAIR_LIMIT, WINDOW, LoginAttempts
from app.auth.users import User, create_user, find_user, normalize_email
from app.config import load_config
from app.database.base import now
from app.extensions import db

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}

# Without the routes there is nothing to test.
pytestmark = pytest.mark.skipif(
    not load_config("testing").ACCOUNT_ROUTES, reason="ACCOUNT_ROUTES is off"
)


def log_in(client: FlaskClient, address: str = "127.0.0.1", **changes: str) -> TestResponse:
    environ = {"REMOTE_ADDR": address}
    return client.post("/auth/login", json=ADA | changes, environ_overrides=environ)


@pytest.fixture
def ada(client: FlaskClient) -> None:
    assert client.post("/auth/register", json=ADA).status_code == 201


def test_registered_user_can_log_in(client: FlaskClient, ada: None) -> None:
    assert log_in(client).status_code == 200


@pytest.mark.parametrize("email", ["Ada@Example.com", "ada@EXAMPLE.com", " ada@example.com "])
def test_spellings_of_an_email_address_are_one_account(
    client: FlaskClient, ada: None, email: str
) -> None:
    assert log_in(client, email=email).status_code == 200


def test_long_email_address_is_rejected_before_it_is_normalized(client: FlaskClient) -> None:
    marks = "\u0300" * 15_000 + "\u0327" * 15_000  # sorting them would take more than a second
    started = time.thread_time()
    response = client.post("/auth/register", json=ADA | {"email": f"{marks}@example.com"})
    assert response.status_code in (400, 413, 422)
    assert time.thread_time() - started < 0.2


@pytest.mark.parametrize(
    "email", ["\u00e1da@example.com", "\uff41da@example.com", "ada@ex\u00e1mple.com"]
)
def test_similar_email_addresses_are_different_accounts(
    client: FlaskClient, ada: None, email: str
) -> None:
    assert log_in(client, email=email).status_code == 401
    other = {"email": email, "password": "another password of mine"}
    assert client.post("/auth/register", json=other).status_code == 201
    assert log_in(client, **other).status_code == 200
    assert log_in(client).status_code == 200


@pytest.mark.parametrize(
    ("email", "normalized"),
    [
        ("A\u0301da@B\u00dcCHER.example", "\u00e1da@b\u00fccher.example"),
        ("stra\u00dfe@example.com", "stra\u00dfe@example.com"),
        ("\uff41da@example.com", "\uff41da@example.com"),
        ("nobody", "nobody"),
    ],
)
def test_email_address_is_normalized(email: str, normalized: str) -> None:
    assert normalize_email(email) == normalized
    assert normalize_email(normalized) == normalized


@pytest.mark.parametrize("typed", ["caf\u00e9 \ufb01ne 12", "cafe\u0301 fine 12"])
def test_password_is_normalized(client: FlaskClient, typed: str) -> None:
    account = {"email": "ada@example.com", "password": "caf\u00e9 fine 12"}
    assert client.post("/auth/register", json=account).status_code == 201
    assert log_in(client, password=typed).status_code == 200


def test_password_hashed_without_normalization_is_accepted(client: FlaskClient, app: Flask) -> None:
    with app.app_context():
        user = create_user("ada@example.com", "x", scopes="")
        assert user is not None
        user.password_hash = PasswordHasher().hash("caf\u00e9 \ufb01ne 12")
        db.session.commit()
    assert log_in(client, password="caf\u00e9 \ufb01ne 12").status_code == 200


def test_responses_do_not_reveal_whether_an_account_exists(client: FlaskClient, ada: None) -> None:
    again = client.post("/auth/register", json=ADA | {"password": "another password of mine"})
    new = client.post("/auth/register", json=ADA | {"email": "eve@example.com"})
    assert (again.status_code, set(again.get_json())) == (new.status_code, set(new.get_json()))
    assert log_in(client).status_code == 200

    wrong = log_in(client, password="not the password")
    unknown = log_in(client, email="nobody@example.com")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"]
    bodies = [response.get_json() for response in (wrong, unknown)]
    assert set(bodies[0]) == set(bodies[1])
    assert bodies[0]["detail"] == bodies[1]["detail"]


def test_login_to_an_unknown_account_verifies_a_hash(
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
def test_invalid_registration_is_rejected(
    client: FlaskClient, changes: dict[str, Any], pointer: str
) -> None:
    response = client.post("/auth/register", json=ADA | changes)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["pointer"] == pointer


def test_registration_can_be_closed(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(client.application.config, "REGISTRATION_OPEN", False)
    assert client.post("/auth/register", json=ADA).status_code == 403


def test_outdated_password_hash_is_replaced(client: FlaskClient, app: Flask) -> None:
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


def guess_password(client: FlaskClient, address: str = "127.0.0.1", **changes: str) -> int:
    return log_in(client, address, password="not the password", **changes).status_code


def test_failed_logins_are_limited(client: FlaskClient, ada: None) -> None:
    assert [guess_password(client) for _ in range(PAIR_LIMIT + 1)] == [401] * PAIR_LIMIT + [429]
    refused = log_in(client)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW.total_seconds()


@pytest.mark.parametrize("email", ["Ada@example.com", "ada@EXAMPLE.com", " ada@example.com"])
def test_spellings_of_an_email_address_share_the_limit(
    client: FlaskClient, ada: None, email: str
) -> None:
    for _ in range(PAIR_LIMIT):
        guess_password(client)
    assert log_in(client, email=email).status_code == 429


def test_addresses_of_one_network_share_the_limit(client: FlaskClient, ada: None) -> None:
    statuses = [guess_password(client, f"2001:db8::{n}") for n in range(PAIR_LIMIT + 1)]
    assert statuses == [401] * PAIR_LIMIT + [429]
    assert log_in(client, "2001:db8::ffff:1").status_code == 429
    assert log_in(client, "2001:db8:0:1::1").status_code == 200


def test_guesses_do_not_lock_out_the_owner(
    client: FlaskClient, ada: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks without failures can log in, however many others guess."""
    monkeypatch.setattr(throttle, "ACCOUNT_LIMIT", 12)
    statuses = [
        guess_password(client, f"192.0.2.{n}") for n in range(4) for _ in range(PAIR_LIMIT + 1)
    ]
    assert statuses.count(401) == PAIR_LIMIT + 3 * throttle.UNKNOWN_PAIR_LIMIT
    for address in ("192.0.2.200", "127.0.0.1"):
        assert log_in(client, address).status_code == 200
    # The owner's network keeps PAIR_LIMIT.
    assert [guess_password(client) for _ in range(PAIR_LIMIT)] == [401] * PAIR_LIMIT


def test_failures_of_a_network_do_not_lock_out_its_users(
    client: FlaskClient, ada: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "NETWORK_LIMIT", 4)
    statuses = [guess_password(client, email=f"{n}@example.com") for n in range(5)]
    assert statuses == [401] * 4 + [429]
    assert log_in(client).status_code == 200
    assert log_in(client, "192.0.2.1").status_code == 200


def test_only_failures_are_counted(
    client: FlaskClient, ada: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "NETWORK_LIMIT", 4)
    monkeypatch.setattr(throttle, "PAIR_LIMIT", 2)
    assert {log_in(client).status_code for _ in range(9)} == {200}
    assert [guess_password(client), log_in(client).status_code] * 2 == [401, 200] * 2


def test_concurrent_logins_succeed(app: Flask, ada: None) -> None:
    with ThreadPoolExecutor(12) as pool:
        logins = list(pool.map(lambda _: log_in(app.test_client()).status_code, range(24)))
    assert set(logins) == {200}


def test_concurrent_failures_are_limited(app: Flask, ada: None) -> None:
    with ThreadPoolExecutor(12) as pool:
        guesses = list(pool.map(lambda _: guess_password(app.test_client()), range(24)))
    assert guesses.count(401) == PAIR_LIMIT
    assert guesses.count(429) == 24 - PAIR_LIMIT


def test_failed_logins_to_an_unknown_account_are_limited(client: FlaskClient) -> None:
    assert [guess_password(client) for _ in range(PAIR_LIMIT + 1)] == [401] * PAIR_LIMIT + [429]


def test_expired_counts_are_deleted(client: FlaskClient, app: Flask) -> None:
    guess_password(client)
    with app.app_context():
        for attempts in db.session.query(LoginAttempts):
            attempts.expires_at = now()
        db.session.commit()
    guess_password(client, "192.0.2.1", email="eve@example.com")
    with app.app_context():
        assert db.session.query(LoginAttempts).count() == 3


def test_account_can_be_part_of_a_transaction(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        assert create_user("eve@example.com", "another password of mine", commit=False) is not None
        db.session.rollback()
        assert find_user("eve@example.com") is None
        assert create_user("eve@example.com", "another password of mine", commit=False) is not None
        db.session.commit()
        assert create_user("Eve@example.com", "another password of mine", commit=False) is None
    assert log_in(client, email="eve@example.com", password="another password of mine").json


def test_login_fails_if_the_password_has_changed_since_it_was_verified(app: Flask) -> None:
    for column, value in (("password_hash", "x"), ("is_active", False)):
        with app.test_request_context():
            user = create_user(f"{column}@example.com", ADA["password"])
            assert user is not None
            query = update(User).where(User.id == user.id).values({column: value})
            db.session.execute(query.execution_options(synchronize_session=False))
            db.session.commit()
            with pytest.raises(Unauthorized):
                logins.log_in(user)


def test_account_routes_can_be_left_out(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/auth/me").status_code == 401
    config = load_config("testing")
    config.ACCOUNT_ROUTES = False
    service = create_app(config)
    rules = [rule.rule for rule in service.url_map.iter_rules() if rule.rule.startswith("/auth")]
    assert set(rules) <= {"/auth/jwks.json"}
    assert "users" in service.cli.commands
