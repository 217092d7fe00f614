"""Tokens in the Authorization header, and their scheme."""

from typing import Any

import pytest

from app import create_app
from app.api import Blueprint
from app.auth.identity import current_identity
from app.auth.keys import generate_key
from app.auth.tokens import make_access_token, verify_request
from app.config import ConfigError, load_config


@pytest.mark.parametrize("token", ["a.b.c", "x", "é"])
def test_public_view_that_reads_the_identity_rejects_an_invalid_token(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    things = Blueprint("things", __name__, public=True)

    @things.get("/things")
    def view() -> dict[str, bool]:
        return {"known": current_identity() is not None}

    monkeypatch.setattr("app.RESOURCES", [things])
    config = load_config("testing")
    client, scheme = create_app(config).test_client(), config.AUTH_SCHEME
    response = client.get("/things", headers={"Authorization": f"{scheme} {token}"})
    assert response.status_code == 401
    assert "invalid_token" in response.headers["WWW-Authenticate"]
    assert client.get("/things").get_json() == {"known": False}


@pytest.mark.parametrize("scheme", ["Bearer", "Token"])
def test_scheme_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    things = Blueprint("things", __name__)

    @things.get("/things")
    def view() -> dict[str, str]:
        """Get things"""
        identity = current_identity()
        return {"subject": identity.subject if identity else ""}

    monkeypatch.setattr("app.RESOURCES", [things])
    config = load_config("testing")
    config.AUTH_SCHEME = scheme
    config.JWT_KEYS = [generate_key("HS256")]
    app = create_app(config)
    # Independent of the logins that a service may store.
    app.extensions["authentication"] = app.extensions["authentication"]._replace(
        authenticate=lambda: (verified := verify_request()) and verified.identity
    )
    with app.app_context():
        token = make_access_token(config.JWT_KEYS[0], "ada", "", 60)
    client = app.test_client()

    def send(sent: str) -> Any:
        return client.get("/things", headers={"Authorization": f"{sent} {token}"})

    assert send(scheme).get_json() == {"subject": "ada"}
    assert send(scheme.upper()).status_code == 200
    other = {"Bearer": "Token", "Token": "Bearer"}[scheme]
    refused = send(other)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith(f"{scheme} realm=")
    assert f"Authorization: {scheme} " in refused.get_json()["detail"]
    spec = client.get("/openapi.json").get_json()
    assert spec["paths"]["/things"]["get"]["security"] == [{scheme.lower(): []}]
    documented = spec["components"]["securitySchemes"][scheme.lower()]
    assert scheme.lower() in str(documented).lower()
    assert other.lower() not in str({**documented, "description": ""}).lower()


@pytest.mark.parametrize("scheme", ["", "a b", "Token:", "\u00e9", None])
def test_invalid_scheme_is_rejected(scheme: Any) -> None:
    config = load_config("testing")
    config.AUTH_SCHEME = scheme
    with pytest.raises(ConfigError, match="AUTH_SCHEME"):
        create_app(config)
