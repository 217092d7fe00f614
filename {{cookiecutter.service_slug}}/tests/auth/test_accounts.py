"""Changes of the current user's e-mail address and password."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.auth import accounts, users
from app.auth.passwords import hash_password
from app.auth.throttle import PAIR_LIMIT
from app.auth.users import find_user
from app.config import load_config
from app.extensions import db
from tests.auth.sign_in import PASSWORD

pytestmark = pytest.mark.skipif(
    not load_config("testing").ACCOUNT_ROUTES, reason="ACCOUNT_ROUTES is off"
)

ADA = "ada@example.com"
NEW = "another password of mine"


@pytest.fixture
def ada(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in(ADA)


def change(client: FlaskClient, **changes: Any) -> TestResponse:
    return client.patch("/auth/me", json={"current_password": PASSWORD, **changes})


def log_in(app: Flask, email: str = ADA, password: str = PASSWORD) -> int:
    body = {"email": email, "password": password}
    return app.test_client().post("/auth/login", json=body).status_code


def test_new_password_ends_the_other_logins(
    app: Flask, ada: FlaskClient, sign_in: Callable[..., FlaskClient]
) -> None:
    other, eve = sign_in(ADA), sign_in("eve@example.com")
    assert change(ada, password=NEW).status_code == 200
    assert (log_in(app), log_in(app, password=NEW)) == (401, 200)
    clients = (ada, other, eve)
    assert [client.get("/auth/me").status_code for client in clients] == [200, 401, 200]


def test_new_email_address_is_normalized(app: Flask, ada: FlaskClient) -> None:
    response = change(ada, email="A.Lovelace@EXAMPLE.com")
    assert (response.status_code, response.get_json()["email"]) == (200, "a.lovelace@example.com")
    assert ada.get("/auth/me").get_json()["email"] == "a.lovelace@example.com"
    assert (log_in(app), log_in(app, "a.lovelace@example.com")) == (401, 200)


def test_stolen_login_cannot_change_the_account(app: Flask, ada: FlaskClient) -> None:
    for changes in ({"password": NEW}, {"email": "eve@example.com"}):
        missing = ada.patch("/auth/me", json=changes)
        assert missing.get_json()["errors"][0]["pointer"] == "#/current_password"
        wrong = change(ada, **{**changes, "current_password": "not the password"})
        assert (missing.status_code, wrong.status_code) == (422, 403)
        assert wrong.get_json()["errors"][0]["pointer"] == "#/current_password"
    assert log_in(app) == 200
    assert app.test_client().patch("/auth/me", json={"password": NEW}).status_code == 401


def test_guesses_of_the_current_password_are_failed_logins(app: Flask, ada: FlaskClient) -> None:
    guesses = [
        change(ada, current_password=f"guess {n}", password=NEW).status_code
        for n in range(PAIR_LIMIT + 1)
    ]
    assert guesses == [403] * PAIR_LIMIT + [429]
    assert (change(ada, password=NEW).status_code, log_in(app)) == (429, 429)


def test_taken_email_address_is_refused_and_counted(
    app: Flask, ada: FlaskClient, sign_in: Callable[..., FlaskClient]
) -> None:
    sign_in("eve@example.com")
    response = change(ada, email="Eve@example.com", password=NEW)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["pointer"] == "#/email"
    assert log_in(app) == 200  # nothing has changed
    tries = [change(ada, email="eve@example.com").status_code for _ in range(PAIR_LIMIT)]
    assert tries == [422] * (PAIR_LIMIT - 1) + [429]


def test_closed_registration_closes_email_addresses(
    app: Flask, ada: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "REGISTRATION_OPEN", False)
    assert change(ada, email="eve@example.com").status_code == 403
    assert change(ada, password=NEW).status_code == 200


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({}, "#"),
        ({"password": "short"}, "#/password"),
        ({"password": ADA}, "#/password"),
        ({"password": "eve@example.com", "email": "eve@example.com"}, "#/password"),
        ({"email": "ada"}, "#/email"),
        ({"email": f"{'a' * 250}@example.com"}, "#/email"),
        ({"scopes": "admin"}, "#/scopes"),
        ({"is_active": True}, "#/is_active"),
    ],
)
def test_invalid_change_is_rejected(
    app: Flask, ada: FlaskClient, changes: dict[str, Any], pointer: str
) -> None:
    response = change(ada, **changes)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["pointer"] == pointer
    assert log_in(app) == 200


def test_an_outdated_hash_does_not_prevent_a_change(app: Flask, ada: FlaskClient) -> None:
    with app.app_context():
        user = find_user(ADA)
        assert user is not None
        user.password_hash = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
        db.session.commit()
    assert change(ada, password=NEW).status_code == 200


def test_an_outdated_hash_does_not_replace_a_new_password(
    app: Flask, ada: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    outdated, new = (PasswordHasher(time_cost=1).hash(password) for password in (PASSWORD, NEW))

    def set_hash(password_hash: str) -> None:
        with app.app_context():
            user = find_user(ADA)
            assert user is not None
            user.password_hash = password_hash
            db.session.commit()

    def hash_late(password: str) -> str:
        set_hash(new)  # the password changes while the login computes the hash of the previous one
        return PasswordHasher().hash(password)

    set_hash(outdated)
    monkeypatch.setattr("app.auth.users.hash_password", hash_late)
    assert log_in(app) == 401
    monkeypatch.undo()
    assert (log_in(app), log_in(app, password=NEW)) == (401, 200)


def test_concurrent_guesses_do_not_turn_a_change_into_an_error(
    app: Flask, ada: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_credentials = accounts.update_credentials

    def update_amid_guesses(*args: Any, **kwargs: Any) -> bool:
        for n in range(PAIR_LIMIT):
            assert log_in(app, "lovelace@example.com", f"guess {n}") == 401
        return update_credentials(*args, **kwargs)

    monkeypatch.setattr(accounts, "update_credentials", update_amid_guesses)
    response = change(ada, email="lovelace@example.com")
    assert (response.status_code, response.get_json()["email"]) == (200, "lovelace@example.com")


def test_a_rollback_does_not_hide_a_concurrent_change(
    app: Flask, ada: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_login = users.record_login

    def record_amid_change(*args: Any) -> None:
        record_login(*args)
        with app.app_context():
            user = find_user(ADA)
            assert user is not None
            user.password_hash = hash_password(NEW)
            db.session.commit()
        find_user(ADA)
        db.session.rollback()

    monkeypatch.setattr(users, "record_login", record_amid_change)
    assert change(ada, password="yet another password").status_code == 409
    assert log_in(app) == 401


def test_one_of_several_concurrent_changes_succeeds(app: Flask, ada: FlaskClient) -> None:
    def send(n: int) -> int:
        client = app.test_client()
        client.environ_base = ada.environ_base
        client._cookies = ada._cookies
        return change(client, password=f"{NEW} {n}").status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(send, range(4)))
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {403, 409}
    assert [log_in(app, password=f"{NEW} {n}") for n in range(4)].count(200) == 1
    with app.app_context():
        assert find_user(ADA) is not None
