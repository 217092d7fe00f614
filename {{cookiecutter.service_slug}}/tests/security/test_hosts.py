"""TRUSTED_HOSTS and TRUSTED_PROXIES."""

import pytest
from flask import Flask, request, url_for
from flask.testing import FlaskClient

from app import create_app
from app.config import Config, load_config


def serve(config: Config) -> FlaskClient:
    app: Flask = create_app(config)

    @app.get("/request")
    def echo() -> dict[str, str | None]:
        return {"address": request.remote_addr, "url": url_for("echo", _external=True)}

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
def test_untrusted_hosts_are_rejected(host: str, status: int) -> None:
    config = load_config("testing")
    config.TRUSTED_HOSTS = ["shop.example", ".below.example"]
    response = serve(config).get("/request", headers={"Host": host})
    assert response.status_code == status
    assert status == 200 or response.mimetype == "application/problem+json"


def test_probes_may_use_any_host() -> None:
    config = load_config("testing")
    config.TRUSTED_HOSTS = ["shop.example"]
    client = serve(config)
    paths = ("/health/live", "/health/startup", "/__lbheartbeat__", "/request")
    statuses = [client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code for path in paths]
    assert statuses == [200, 200, 200, 400]


@pytest.mark.parametrize(
    "path", ["/health//live", "//health/live", "/health/live/", "/health/nowhere", "/request//x"]
)
def test_untrusted_hosts_are_not_redirected_to(path: str) -> None:
    config = load_config("testing")
    config.TRUSTED_HOSTS = ["shop.example"]
    response = serve(config).get(path, headers={"Host": "evil.example"})
    assert (response.status_code, response.headers.get("Location")) == (400, None)


FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 9.9.9.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
}


def test_no_proxy_is_trusted_by_default() -> None:
    received = serve(load_config("testing")).get("/request", headers=FORWARDED).get_json()
    assert received == {"address": "127.0.0.1", "url": "http://localhost/request"}


def test_only_values_of_trusted_proxies_are_used() -> None:
    config = load_config("testing")
    config.TRUSTED_PROXIES = 1
    received = serve(config).get("/request", headers=FORWARDED).get_json()
    assert received == {"address": "9.9.9.9", "url": "https://shop.example/request"}


def test_a_forwarded_host_must_be_trusted_too() -> None:
    config = load_config("testing")
    config.TRUSTED_PROXIES, config.TRUSTED_HOSTS = 1, ["localhost"]
    assert serve(config).get("/request", headers=FORWARDED).status_code == 400
