"""The `flask users` commands."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import Unauthorized

from app.api import Blueprint
from app.auth.identity import require
from app.auth.users import authenticate_user, create_user, find_user
from app.extensions import db
from tests.auth.sign_in import PASSWORD

ADA = "ada@example.com"


def run_command(app: Flask, *command: str, **options: Any) -> Any:
    return app.test_cli_runner().invoke(args=["users", *command], **options)


def is_password(app: Flask, password: str) -> bool:
    """Return whether Ada can log in with the password."""
    with app.app_context():
        try:
            return authenticate_user(ADA, password, None).is_active
        except Unauthorized:
            return False


def scopes_of(app: Flask, email: str) -> str:
    with app.app_context():
        user = find_user(email)
        assert user is not None
        return user.scopes


@pytest.fixture
def ada(app: Flask) -> None:
    with app.app_context():
        create_user(ADA, PASSWORD, "a:read")


@pytest.fixture
def status_of(app: Flask) -> Callable[[FlaskClient], int]:
    """Return a function that returns the status of a request that requires a caller."""

    def status_of(client: FlaskClient) -> int:
        environ = client.environ_base
        cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in client._cookies.values())
        with app.test_request_context(environ_overrides=environ, headers={"Cookie": cookies}):
            try:
                require()
            except Unauthorized:
                return 401
            return 200

    return status_of


def test_create_asks_for_a_password(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEW_USER_PASSWORD", raising=False)
    created = run_command(app, "create", ADA, "--scopes", "a:read", input=f"{PASSWORD}\n" * 2)
    assert created.exit_code == 0, created.output
    assert is_password(app, PASSWORD)
    again = run_command(app, "create", "Ada@example.com", env={"NEW_USER_PASSWORD": PASSWORD})
    assert (again.exit_code, "already exists" in again.output) == (1, True)


@pytest.mark.parametrize("email", ["ada", "\x00@example.com"])
def test_create_rejects_invalid_credentials(app: Flask, email: str) -> None:
    result = run_command(app, "create", email, env={"NEW_USER_PASSWORD": "short"})
    assert result.exit_code == 1
    assert "password" in result.output


def test_revoke_ends_logins_and_deactivates(
    app: Flask, sign_in: Callable[..., FlaskClient], status_of: Callable[[FlaskClient], int]
) -> None:
    client = sign_in(ADA)
    assert status_of(client) == 200
    assert "Logins revoked: 1" in run_command(app, "revoke", ADA, "--disable").output
    assert status_of(client) == 401
    assert not is_password(app, PASSWORD)
    assert run_command(app, "enable", ADA).exit_code == 0
    assert is_password(app, PASSWORD)


def test_grant_and_withdraw_change_the_scopes(
    app: Flask, sign_in: Callable[..., FlaskClient], status_of: Callable[[FlaskClient], int]
) -> None:
    client = sign_in(ADA, "a:read")
    assert run_command(app, "grant", ADA, "b:read", "a:read").exit_code == 0
    assert scopes_of(app, ADA) == "a:read b:read"
    assert status_of(client) == 200
    assert run_command(app, "withdraw", ADA, "a:read").exit_code == 0
    assert scopes_of(app, ADA) == "b:read"
    assert status_of(client) == 401  # its tokens would keep the scope
    assert run_command(app, "withdraw", ADA, "a:read").exit_code == 1


@pytest.mark.parametrize("command", ["grant", "create"])
def test_undeclared_scope_is_reported(app: Flask, ada: None, command: str) -> None:
    known = Blueprint("known", __name__, scope="known", grant=False)
    known.requires("known:audit")
    app.blueprints["known"] = known
    arguments = [ADA] if command == "grant" else ["eve@example.com", "--scopes"]
    environ = {"NEW_USER_PASSWORD": PASSWORD}
    try:
        scopes = ["known:write", "known:audit", "knwon:read"]
        scopes = scopes if command == "grant" else [" ".join(scopes)]
        result = run_command(app, command, *arguments, *scopes, env=environ)
    finally:
        del app.blueprints["known"]
    assert result.exit_code == 0
    assert "no blueprint of this service declares knwon:read." in result.stderr


@pytest.mark.parametrize("scope", ['a"', "x" * 256, "\u00e9"])
def test_invalid_scope_is_refused(app: Flask, ada: None, scope: str) -> None:
    result = run_command(app, "grant", ADA, scope)
    assert (result.exit_code, scopes_of(app, ADA)) == (1, "a:read")


def test_set_password_ends_all_logins(
    app: Flask, sign_in: Callable[..., FlaskClient], status_of: Callable[[FlaskClient], int]
) -> None:
    client = sign_in(ADA)
    result = run_command(app, "set-password", ADA, env={"NEW_USER_PASSWORD": "short"})
    assert (result.exit_code, is_password(app, PASSWORD)) == (1, True)
    new = "another password of mine"
    assert run_command(app, "set-password", ADA, env={"NEW_USER_PASSWORD": new}).exit_code == 0
    assert status_of(client) == 401
    assert is_password(app, new)
    assert not is_password(app, PASSWORD)


def test_list_prints_every_user(app: Flask, ada: None) -> None:
    with app.app_context():
        create_user("eve@example.com", PASSWORD, "")
        db.session.commit()
    run_command(app, "revoke", "eve@example.com", "--disable")
    lines = run_command(app, "list").stdout.splitlines()
    assert lines == ["ada@example.com\tactive\ta:read", "eve@example.com\tdeactivated\t"]


@pytest.mark.parametrize("command", ["revoke", "enable", "grant", "withdraw", "set-password"])
def test_unknown_user_is_reported(app: Flask, command: str) -> None:
    arguments = ["a:read"] if command in ("grant", "withdraw") else []
    environ = {"NEW_USER_PASSWORD": PASSWORD}
    result = run_command(app, command, "nobody@example.com", *arguments, env=environ)
    assert (result.exit_code, "No account" in result.output) == (1, True)
