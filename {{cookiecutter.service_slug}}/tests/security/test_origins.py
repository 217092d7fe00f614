"""CORS: only origins of CORS_ORIGINS may read responses."""

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.config import ConfigError, load_config

SHOP = "https://shop.example"


@pytest.fixture
def shop() -> FlaskClient:
    config = load_config("testing")
    config.CORS_ORIGINS = [SHOP]
    return create_app(config).test_client()


def test_no_origin_is_allowed_by_default(client: FlaskClient) -> None:
    response = client.get("/health/live", headers={"Origin": SHOP})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_allowed_origins_get_cors_headers(shop: FlaskClient) -> None:
    response = shop.get("/health/live", headers={"Origin": SHOP})
    assert response.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://shop.example",
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "https://shop.example:8443",
        "https://shopXexample",
    ],
)
def test_other_origins_get_no_cors_headers(shop: FlaskClient, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        response = shop.open("/health/live", method=method, headers=headers)
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "https://*.example", "https://shop.example/", "x", "http://[", "https://a(b"],
)
def test_invalid_origins_raise_a_config_error(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", origin)
    with pytest.raises(ConfigError, match="CORS_ORIGINS: Not an origin"):
        load_config("testing")
