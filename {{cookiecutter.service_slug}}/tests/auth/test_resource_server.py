"""Keys fetched from an issuer, and an issuer that is unavailable."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn

import jwt
import pytest
from flask.testing import FlaskClient

from app import create_app
from app.auth import keys, resource_server
from app.auth.keys import Key
from app.config import ConfigError, load_config


def make_key(kid: str) -> Key:
    return Key({**keys.generate_key("ES256").jwk, "kid": kid})


class Issuer(ThreadingHTTPServer):
    """HTTP server that publishes a JWK Set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), JWKSHandler)
        self.keys = [make_key("first")]
        self.requests = 0
        self.body: bytes | None = None
        self.speaks_http = True
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/jwks.json"

    def make_token(self, key: Key | None = None, **changes: Any) -> str:
        key = key or self.keys[0]
        now = int(time.time())
        claims = {"iss": "https://issuer", "aud": "this", "sub": "ada", "iat": now, "exp": now + 60}
        return jwt.encode(
            claims | changes, key.signing_key, algorithm=key.algorithm, headers={"kid": key.id}
        )


class JWKSHandler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self.server.requests += 1
        published = json.dumps({"keys": [key.public() for key in self.server.keys]}).encode()
        if self.server.speaks_http:
            self.send_response(200)
            self.end_headers()
        self.wfile.write(published if self.server.body is None else self.server.body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.shutdown()
    issuer.server_close()


@pytest.fixture
def service(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setenv("JWKS_URL", issuer.url)
    monkeypatch.setenv("JWT_ISSUER", "https://issuer")
    monkeypatch.setenv("JWT_AUDIENCE", "this")
    app = create_app(load_config("testing"))

    @app.get("/mine")
    def mine() -> dict[str, str]:
        from app.auth.identity import require

        return {"subject": require().subject}

    return app.test_client()


def send(service: FlaskClient, token: str) -> int:
    return service.get("/mine", headers={"Authorization": f"Bearer {token}"}).status_code


def test_token_of_the_issuer_is_accepted(service: FlaskClient, issuer: Issuer) -> None:
    assert [send(service, issuer.make_token()) for _ in range(3)] == [200] * 3
    assert issuer.requests == 1


def test_token_of_another_issuer_is_rejected(service: FlaskClient, issuer: Issuer) -> None:
    assert send(service, issuer.make_token(make_key("first"))) == 401
    assert send(service, issuer.make_token(iss="https://evil")) == 401
    assert send(service, issuer.make_token(aud="other")) == 401


def test_unknown_key_ids_cause_one_fetch(service: FlaskClient, issuer: Issuer) -> None:
    assert {send(service, issuer.make_token(make_key(str(n)))) for n in range(40)} == {401}
    assert issuer.requests == 1


def test_new_key_is_fetched(
    service: FlaskClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(service, issuer.make_token()) == 200
    issuer.keys.insert(0, make_key("second"))
    assert send(service, issuer.make_token()) == 401  # within COOLDOWN
    monkeypatch.setattr(resource_server, "COOLDOWN", 0)
    assert send(service, issuer.make_token()) == 200
    assert send(service, issuer.make_token(issuer.keys[1])) == 200


def test_withdrawn_key_is_rejected(
    service: FlaskClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.make_token()
    assert send(service, token) == 200
    issuer.keys = [make_key("second")]
    monkeypatch.setattr(resource_server, "COOLDOWN", 0)
    monkeypatch.setattr(resource_server, "LIFETIME", 0)
    assert send(service, token) == 401


@pytest.mark.parametrize("body", [b"{", b'{"keys": []}', b"[" * 300_000, b"[" * 200_000, b"\xff"])
def test_last_keys_stay_valid_while_the_issuer_is_unavailable(
    service: FlaskClient, issuer: Issuer, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(service, issuer.make_token()) == 200
    monkeypatch.setattr(resource_server, "COOLDOWN", 0)
    monkeypatch.setattr(resource_server, "LIFETIME", 0)
    issuer.body = body
    assert send(service, issuer.make_token()) == 200
    issuer.speaks_http = False
    assert send(service, issuer.make_token()) == 200
    issuer.shutdown()
    issuer.server_close()
    assert send(service, issuer.make_token()) == 200


def test_without_keys_the_response_is_503(service: FlaskClient, issuer: Issuer) -> None:
    issuer.body = b"no"
    assert send(service, issuer.make_token()) == 503


def test_hanging_issuer_delays_one_request(
    service: FlaskClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(_: str) -> NoReturn:
        time.sleep(1)
        raise OSError("timed out")

    monkeypatch.setattr(resource_server, "fetch_json", hang)
    token = issuer.make_token()

    def timed(_: int) -> tuple[int, float]:
        started = time.perf_counter()
        return send(service.application.test_client(), token), time.perf_counter() - started

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(timed, range(8)))
    assert {status for status, _ in results} == {503}
    assert sorted(seconds for _, seconds in results)[-2] < 0.8


def test_key_ops_are_ignored(service: FlaskClient, issuer: Issuer) -> None:
    """Issuers generated by version 0.1.0 publish them."""
    published = {**issuer.keys[0].public(), "key_ops": ["sign"]}
    issuer.body = json.dumps({"keys": [published]}).encode()
    assert send(service, issuer.make_token()) == 200


def test_published_shared_secret_is_rejected(service: FlaskClient, issuer: Issuer) -> None:
    secret = Key({"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "secret"})
    issuer.body = json.dumps({"keys": [secret.jwk, issuer.keys[0].public()]}).encode()
    assert send(service, issuer.make_token(secret)) == 401


def test_production_requires_https_for_jwks_url(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    production.pop("JWT_KEYS")
    for name, value in {**production, "JWKS_URL": "http://issuer.example"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="JWKS_URL"):
        load_config("production")
    monkeypatch.setenv("JWKS_URL", "https://issuer.example")
    load_config("production")


@pytest.mark.parametrize("url", ["https://", "issuer.example", "http://[", "https://a:port/"])
def test_invalid_jwks_url_is_rejected(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWKS_URL", url)
    with pytest.raises(ConfigError, match="JWKS_URL"):
        load_config("testing")


def test_production_does_not_require_an_unused_secret(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in production.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    assert load_config("production").SECRET_KEY is None


def test_command_makes_a_token_with_a_private_key() -> None:
    app = create_app(load_config("testing"))
    result = app.test_cli_runner().invoke(args=["tokens", "make", "ada"])
    assert result.exit_code == 0
    assert app.extensions["verifier"].verify(result.output.strip()).identity.subject == "ada"
    app.config["JWT_KEYS"] = []
    assert app.test_cli_runner().invoke(args=["tokens", "make", "ada"]).exit_code == 1
