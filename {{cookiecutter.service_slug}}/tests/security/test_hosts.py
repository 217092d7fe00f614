"""Whom requests may be for, and which proxies may say whom they are from."""

import pytest
from flask import Flask, request, url_for
from flask.testing import FlaskClient

from app import create_app
from app.config import Config, load_config


def serve(config: Config) -> FlaskClient:
    app: Flask = create_app(config)

    @app.get("/seen")
    def seen() -> dict[str, str | None]:
        return {"address": request.remote_addr, "url": url_for("seen", _external=True)}

    return app.test_client()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("shop.example", 200),
        ("shop.example:8443", 200),
        ("api.below.example", 200),
        ("api.shop.example", 400),
        ("evil.example", 400),
        ("shop.example.evil.example", 400),
        ("evilshop.example", 400),
        ("shop.example@evil.example", 400),
        ("", 400),
    ],
)
def test_a_request_for_another_host_is_refused(host: str, status: int) -> None:
    config = load_config("testing")
    config.TRUSTED_HOSTS = ["shop.example", ".below.example"]
    response = serve(config).get("/seen", headers={"Host": host})
    assert response.status_code == status
    assert status == 200 or response.mimetype == "application/problem+json"


def test_probes_ask_by_address() -> None:
    config = load_config("testing")
    config.TRUSTED_HOSTS = ["shop.example"]
    client = serve(config)
    paths = ("/health/live", "/health/startup", "/__lbheartbeat__", "/seen")
    asked = [client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code for path in paths]
    assert asked == [200, 200, 200, 400]


@pytest.mark.parametrize(
    "path", ["/health//live", "//health/live", "/health/live/", "/health/nowhere", "/seen//x"]
)
def test_no_redirect_leads_to_a_foreign_host(path: str) -> None:
    config = load_config("testing")
    config.TRUSTED_HOSTS = ["shop.example"]
    response = serve(config).get(path, headers={"Host": "evil.example"})
    assert (response.status_code, response.headers.get("Location")) == (400, None)


FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 9.9.9.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
}


def test_no_proxy_is_believed_by_default() -> None:
    seen = serve(load_config("testing")).get("/seen", headers=FORWARDED).get_json()
    assert seen == {"address": "127.0.0.1", "url": "http://localhost/seen"}


def test_a_proxy_is_believed_and_no_one_beyond_it() -> None:
    config = load_config("testing")
    config.TRUSTED_PROXIES = 1
    seen = serve(config).get("/seen", headers=FORWARDED).get_json()
    assert seen == {"address": "9.9.9.9", "url": "https://shop.example/seen"}


def test_a_forwarded_host_must_be_trusted_too() -> None:
    config = load_config("testing")
    config.TRUSTED_PROXIES, config.TRUSTED_HOSTS = 1, ["localhost"]
    assert serve(config).get("/seen", headers=FORWARDED).status_code == 400
