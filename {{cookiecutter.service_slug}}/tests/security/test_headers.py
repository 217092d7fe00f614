import pytest
from flask.testing import FlaskClient

from app import create_app
from app.config import load_config


@pytest.mark.parametrize("path", ["/health/live", "/__version__", "/nowhere"])
def test_every_response_has_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_headers_that_a_response_sets_are_kept(client: FlaskClient) -> None:
    assert client.get("/docs").headers.getlist("Content-Security-Policy") != [
        "default-src 'none'; frame-ancestors 'none'"
    ]
    asset = client.get("/docs/swagger-ui/swagger-ui.css")
    assert asset.headers.getlist("Cache-Control") == ["public, max-age=86400"]


def test_hsts_is_sent_in_production_only(
    client: FlaskClient, production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Strict-Transport-Security" not in client.get("/health/live").headers
    for name, value in production.items():
        monkeypatch.setenv(name, value)
    deployed = create_app(load_config("production")).test_client()
    assert "max-age=" in deployed.get("/health/live").headers["Strict-Transport-Security"]
