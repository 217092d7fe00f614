"""Logins by token: refresh, reuse, revocation, key rotation."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from app import create_app
from app.api import Blueprint
from app.auth.identity import current_identity
from app.auth.keys import parse_keys
from app.auth.token_families import TokenFamily
from app.config import ConfigError, load_config
from app.database.base import now
from app.extensions import db
from app.observability.logging import redact

PUBLIC_PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
pytestmark = pytest.mark.skipif(
    not load_config("testing").ACCOUNT_ROUTES, reason="ACCOUNT_ROUTES is off"
)

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}


@pytest.fixture
def log_in(client: FlaskClient) -> Callable[[], dict[str, Any]]:
    """Return a function that logs in and returns the tokens."""
    client.post("/auth/register", json=ADA)
    return lambda: dict(client.post("/auth/login", json=ADA).get_json())


def send(
    client: FlaskClient, token: str, method: str = "GET", path: str = "/auth/me"
) -> TestResponse:
    scheme = client.application.config["AUTH_SCHEME"]
    return client.open(path, method=method, headers={"Authorization": f"{scheme} {token}"})


def refresh(client: FlaskClient, token: str) -> TestResponse:
    return client.post("/auth/refresh", json={"refresh_token": token})


def test_access_token_has_the_required_claims(
    client: FlaskClient, log_in: Callable[..., Any]
) -> None:
    tokens = log_in()
    assert tokens["token_type"] == client.application.config["AUTH_SCHEME"]
    assert send(client, tokens["access_token"]).get_json()["email"] == "ada@example.com"
    header = jwt.get_unverified_header(tokens["access_token"])
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert header["typ"] == "at+jwt"
    assert set(claims) == {"iss", "aud", "sub", "scope", "iat", "nbf", "exp", "jti", "sid"}
    lifetime = client.application.config["ACCESS_TOKEN_LIFETIME"]
    assert claims["exp"] - claims["iat"] == tokens["expires_in"] == lifetime


def test_tokens_are_unique(log_in: Callable[..., Any]) -> None:
    logins = [log_in() for _ in range(3)]
    assert len({tokens["access_token"] for tokens in logins}) == 3
    assert len({tokens["refresh_token"] for tokens in logins}) == 3


def test_request_without_a_token_gets_a_challenge(client: FlaskClient) -> None:
    response = client.get("/auth/me")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith(
        f"{client.application.config['AUTH_SCHEME']} realm="
    )
    assert "error" not in response.headers["WWW-Authenticate"]


def test_invalid_token_is_named_in_the_challenge(client: FlaskClient) -> None:
    response = send(client, "a.b.c")
    assert response.status_code == 401
    assert "error=invalid_token" in response.headers["WWW-Authenticate"].replace('"', "")


def test_tokens_can_be_refreshed_repeatedly(
    client: FlaskClient, log_in: Callable[..., Any]
) -> None:
    tokens = log_in()
    for _ in range(3):
        response = refresh(client, tokens["refresh_token"])
        assert response.status_code == 200
        tokens = response.get_json()
        assert send(client, tokens["access_token"]).status_code == 200


def test_reused_refresh_token_revokes_its_family(
    client: FlaskClient, log_in: Callable[..., Any]
) -> None:
    other, stolen = log_in(), log_in()
    renewed = refresh(client, stolen["refresh_token"]).get_json()
    assert refresh(client, stolen["refresh_token"]).status_code == 401
    assert refresh(client, renewed["refresh_token"]).status_code == 401
    assert send(client, renewed["access_token"]).status_code == 401
    assert send(client, stolen["access_token"]).status_code == 401
    assert send(client, other["access_token"]).status_code == 200


def test_one_of_several_concurrent_refreshes_succeeds(
    app: Flask, log_in: Callable[..., Any]
) -> None:
    token = log_in()["refresh_token"]
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(refresh, app.test_client(), token) for _ in range(4)]
    statuses = [future.result().status_code for future in futures]
    assert min(statuses) == 200
    assert statuses.count(200) == 1


def test_access_and_refresh_tokens_are_not_interchangeable(
    client: FlaskClient, log_in: Callable[..., Any]
) -> None:
    tokens = log_in()
    assert send(client, tokens["refresh_token"]).status_code == 401
    assert refresh(client, tokens["access_token"]).status_code == 401


def test_expired_login_cannot_be_refreshed(client: FlaskClient, log_in: Callable[..., Any]) -> None:
    tokens = log_in()
    with client.application.app_context():
        db.session.execute(update(TokenFamily).values(expires_at=now() - timedelta(seconds=1)))
        db.session.commit()
    assert refresh(client, tokens["refresh_token"]).status_code == 401


def test_expired_token_families_are_deleted(
    client: FlaskClient, log_in: Callable[..., Any]
) -> None:
    window = client.application.extensions["revocations"].window
    for ago, count in ((window / 2, 2), (window * 2, 1)):
        log_in()
        with client.application.app_context():
            db.session.execute(update(TokenFamily).values(expires_at=now() - ago))
            db.session.commit()
        log_in()
        with client.application.app_context():
            assert db.session.query(TokenFamily).count() == count


def test_logout_revokes_one_login(client: FlaskClient, log_in: Callable[..., Any]) -> None:
    tokens, other = log_in(), log_in()
    assert send(client, tokens["access_token"], "POST", "/auth/logout").status_code == 204
    assert send(client, tokens["access_token"]).status_code == 401
    assert refresh(client, tokens["refresh_token"]).status_code == 401
    assert send(client, other["access_token"]).status_code == 200


def test_logout_everywhere_ends_all_logins(client: FlaskClient, log_in: Callable[..., Any]) -> None:
    logins = [log_in() for _ in range(3)]
    token = logins[0]["access_token"]
    assert send(client, token, "POST", "/auth/logout-everywhere").status_code == 204
    assert {send(client, tokens["access_token"]).status_code for tokens in logins} == {401}


def test_revocation_on_another_host_applies_after_the_delay(
    client: FlaskClient, log_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = log_in()["access_token"]
    revocations = client.application.extensions["revocations"]
    assert send(client, token).status_code == 200
    with client.application.app_context():
        db.session.execute(update(TokenFamily).values(revoked_at=now()))
        db.session.commit()
    monkeypatch.setattr(revocations, "delay", 3600)
    assert send(client, token).status_code == 200
    monkeypatch.setattr(revocations, "delay", 0)
    assert send(client, token).status_code == 401


def test_unavailable_database_delays_one_request(
    app: Flask, log_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = log_in()["access_token"]
    revocations = app.extensions["revocations"]
    queries = []

    def hang() -> NoReturn:
        queries.append(1)
        time.sleep(4)
        raise OperationalError("SELECT", {}, Exception("timed out"))

    monkeypatch.setattr(revocations, "load", hang)
    monkeypatch.setattr(revocations, "loaded_at", float("-inf"))

    def timed(_: int) -> tuple[int, float]:
        started = time.perf_counter()
        return send(app.test_client(), token).status_code, time.perf_counter() - started

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(timed, range(12)))
    assert {status for status, _ in results} == {503}
    assert sorted(seconds for _, seconds in results)[-2] < 3
    assert len(queries) == 1
    monkeypatch.undo()
    assert send(app.test_client(), token).status_code == 503  # the failure is remembered
    revocations.failed_at = float("-inf")
    assert send(app.test_client(), token).status_code == 200


def test_requests_wait_for_a_slow_database(
    app: Flask, log_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = log_in()["access_token"]
    revocations = app.extensions["revocations"]
    load = revocations.load

    def load_slowly() -> None:
        time.sleep(0.4)
        load()

    monkeypatch.setattr(revocations, "load", load_slowly)
    monkeypatch.setattr(revocations, "loaded_at", float("-inf"))
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: send(app.test_client(), token).status_code, range(4)))
    assert statuses == [200] * 4


def test_revocation_is_dropped_after_its_tokens_have_expired(
    client: FlaskClient, log_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = log_in()["access_token"]
    assert send(client, token, "POST", "/auth/logout").status_code == 204
    revocations = client.application.extensions["revocations"]
    with client.application.app_context():
        revocations.load()
        assert len(revocations.revoked) == 1
        long_ago = now() - revocations.window - timedelta(seconds=1)
        db.session.execute(update(TokenFamily).values(revoked_at=long_ago))
        db.session.commit()
        revocations.load()
    assert revocations.revoked == frozenset()


def test_token_of_a_deleted_user_is_rejected(
    client: FlaskClient, log_in: Callable[..., Any]
) -> None:
    token = log_in()["access_token"]
    with client.application.app_context():
        for table in ("token_families", "users"):
            db.session.execute(db.metadata.tables[table].delete())
        db.session.commit()
    assert send(client, token).status_code == 401


@pytest.mark.parametrize(
    "token", ["x", "a.b", "00000000-0000-0000-0000-000000000007", "WyJhIiwwXQ.x"]
)
def test_invalid_refresh_token_is_rejected(client: FlaskClient, token: str) -> None:
    assert refresh(client, token).status_code == 401


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_rotation_keeps_the_previous_key(app: Flask, tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "keys.json"
    rotate = ["keys", "rotate", str(path), "--algorithm", algorithm]
    first_id = app.config["JWT_KEYS"][0].id
    key_sets = []
    for _ in range(2):
        result = app.test_cli_runner().invoke(args=rotate)
        assert result.exit_code == 0, result.output
        key_sets.append(parse_keys(path.read_text()))
    assert [len(keys) for keys in key_sets] == [2, 2]
    assert key_sets[0][1].id == first_id
    assert key_sets[1][1].id == key_sets[0][0].id
    assert key_sets[1][0].algorithm == algorithm
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_tokens_of_the_previous_key_stay_valid(
    app: Flask, client: FlaskClient, log_in: Callable[..., Any], tmp_path: Path, algorithm: str
) -> None:
    old = log_in()["access_token"]
    path = tmp_path / "keys.json"
    app.test_cli_runner().invoke(args=["keys", "rotate", str(path), "--algorithm", algorithm])
    config = load_config("testing")
    config.JWT_KEYS = parse_keys(path.read_text())  # type: ignore[attr-defined]
    config.SQLALCHEMY_DATABASE_URI = app.config["SQLALCHEMY_DATABASE_URI"]
    restarted = create_app(config)
    new_client = restarted.test_client()
    new = new_client.post("/auth/login", json=ADA).get_json()["access_token"]
    assert jwt.get_unverified_header(new)["alg"] == algorithm
    assert send(new_client, old).status_code == send(new_client, new).status_code == 200
    published = new_client.get("/auth/jwks.json").get_json()["keys"]
    # Only public keys are published.
    algorithms = [(key["alg"], "d" in key) for key in published]
    assert algorithms == ([] if algorithm == "HS256" else [(algorithm, False)])
    with restarted.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("keys", ["short", "{", json.dumps({"keys": []})])
def test_invalid_keys_are_rejected(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_KEYS", keys)
    with pytest.raises(ConfigError, match="JWT_KEYS") as error:
        load_config("testing")
    assert "\n" not in str(error.value)


INVALID = {
    "REFRESH_TOKEN_LIFETIME": ["1000000000000", "0", "-1", "1e3"],
    "ACCESS_TOKEN_LIFETIME": ["1000000000000", "0"],
    "REVOCATION_DELAY": ["nan", "inf", "-1"],
    "JWT_ISSUER": [""],
    "JWT_AUDIENCE": [""],
    "JWT_KEYS": [PUBLIC_PEM],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in INVALID.items() for value in values]
)
def test_invalid_setting_is_rejected(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name) as error:
        load_config("testing")
    assert "\n" not in str(error.value)


def test_production_requires_a_secret_key(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in production.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SECRET_KEY")
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        load_config("production")


def test_tokens_are_redacted_in_logs(log_in: Callable[..., Any]) -> None:
    tokens = log_in()
    for name in ("access_token", "refresh_token"):
        assert tokens[name] not in redact(f"sent {name}={tokens[name]}")
    assert tokens["access_token"] not in redact(f"Authorization: Bearer {tokens['access_token']}")


def test_public_view_can_read_the_identity(
    app: Flask, log_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    things = Blueprint("things", __name__, public=True)

    @things.get("/things")
    def view() -> dict[str, str]:
        identity = current_identity()
        return {"subject": identity.subject if identity else ""}

    token = log_in()["access_token"]
    monkeypatch.setattr("app.RESOURCES", [things])
    config = load_config("testing")
    config.SQLALCHEMY_DATABASE_URI = app.config["SQLALCHEMY_DATABASE_URI"]
    other_app = create_app(config)
    subject = jwt.decode(token, options={"verify_signature": False})["sub"]
    assert send(other_app.test_client(), token, path="/things").get_json() == {"subject": subject}
    with other_app.app_context():
        db.engine.dispose()
