"""Rate limit per client."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import load_config
from app.security import rate_limit


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a client limited to three requests per minute, with the clock stopped."""
    monkeypatch.setattr(rate_limit.time, "time", lambda: 60_015.0)
    config = load_config("testing")
    config.RATE_LIMIT = 3  # type: ignore[attr-defined]
    app: Flask = create_app(config)
    app.add_url_rule("/thing", view_func=lambda: "")
    return app.test_client()


def get_status(client: FlaskClient, address: str = "192.0.2.1") -> tuple[int, str]:
    response = client.get("/thing", environ_overrides={"REMOTE_ADDR": address})
    return response.status_code, response.headers["RateLimit"]


def test_responses_have_ratelimit_headers(limited: FlaskClient) -> None:
    assert get_status(limited) == (200, '"address";r=2;t=45')
    assert limited.get("/thing").headers["RateLimit-Policy"] == '"address";q=3;w=60'


def test_requests_beyond_the_limit_are_rejected_until_the_minute_ends(
    limited: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [get_status(limited)[0] for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = limited.get("/thing", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert (refused.headers["Retry-After"], refused.mimetype) == ("45", "application/problem+json")
    monkeypatch.setattr(rate_limit.time, "time", lambda: 60_060.0)
    assert get_status(limited) == (200, '"address";r=2;t=60')


def test_other_clients_are_not_limited(limited: FlaskClient) -> None:
    assert [get_status(limited)[0] for _ in range(4)][-1] == 429
    assert get_status(limited, "192.0.2.2")[0] == 200


def test_ipv6_addresses_of_one_network_are_one_client(limited: FlaskClient) -> None:
    assert [get_status(limited, f"2001:db8::{n}")[0] for n in range(4)][-1] == 429
    assert get_status(limited, "2001:db8:0:1::1")[0] == 200


def test_an_ipv4_mapped_address_is_the_same_client(limited: FlaskClient) -> None:
    assert [
        get_status(limited, address)[0] for address in ["::ffff:192.0.2.9"] * 3 + ["192.0.2.9"]
    ][-1] == 429
    assert get_status(limited, "::ffff:192.0.2.10")[0] == 200


@pytest.mark.parametrize("host", ["192.0.2.11", "[2001:db8:7::1]"])
def test_an_appended_port_is_ignored(host: str, limited: FlaskClient) -> None:
    assert [get_status(limited, f"{host}:{port}")[0] for port in range(5000, 5004)] == [200] * 3 + [
        429
    ]


def test_forged_x_forwarded_for_is_ignored(limited: FlaskClient) -> None:
    statuses = [
        limited.get("/thing", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code
        for n in range(4)
    ]
    assert statuses == [200, 200, 200, 429]


def test_probes_are_not_limited(limited: FlaskClient) -> None:
    assert {limited.get("/health/live").status_code for _ in range(9)} == {200}
