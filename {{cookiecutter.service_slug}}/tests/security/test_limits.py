"""How much one client may ask of the service."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import load_config
from app.security import rate_limit


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of a service that allows three requests a minute, in a minute that does not end."""
    monkeypatch.setattr(rate_limit.time, "time", lambda: 60_015.0)
    config = load_config("testing")
    config.RATE_LIMIT = 3  # type: ignore[attr-defined]
    app: Flask = create_app(config)
    app.add_url_rule("/thing", view_func=lambda: "")
    return app.test_client()


def ask(client: FlaskClient, address: str = "192.0.2.1") -> tuple[int, str]:
    response = client.get("/thing", environ_overrides={"REMOTE_ADDR": address})
    return response.status_code, response.headers["RateLimit"]


def test_a_client_is_told_what_is_left(limited: FlaskClient) -> None:
    assert ask(limited) == (200, '"address";r=2;t=45')
    assert limited.get("/thing").headers["RateLimit-Policy"] == '"address";q=3;w=60'


def test_one_request_too_many_is_refused_until_the_minute_ends(
    limited: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [ask(limited)[0] for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = limited.get("/thing", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert (refused.headers["Retry-After"], refused.mimetype) == ("45", "application/problem+json")
    monkeypatch.setattr(rate_limit.time, "time", lambda: 60_060.0)
    assert ask(limited) == (200, '"address";r=2;t=60')


def test_others_go_on(limited: FlaskClient) -> None:
    assert [ask(limited)[0] for _ in range(4)][-1] == 429
    assert ask(limited, "192.0.2.2")[0] == 200


def test_an_address_of_the_same_network_is_no_other_client(limited: FlaskClient) -> None:
    assert [ask(limited, f"2001:db8::{n}")[0] for n in range(4)][-1] == 429
    assert ask(limited, "2001:db8:0:1::1")[0] == 200


def test_an_ipv4_client_of_a_socket_for_both_is_one_client(limited: FlaskClient) -> None:
    assert [ask(limited, address)[0] for address in ["::ffff:192.0.2.9"] * 3 + ["192.0.2.9"]][
        -1
    ] == 429
    assert ask(limited, "::ffff:192.0.2.10")[0] == 200


@pytest.mark.parametrize("host", ["192.0.2.11", "[2001:db8:7::1]"])
def test_a_port_that_a_proxy_appends_makes_no_other_client(host: str, limited: FlaskClient) -> None:
    assert [ask(limited, f"{host}:{port}")[0] for port in range(5000, 5004)] == [200] * 3 + [429]


def test_made_up_proxies_buy_nothing(limited: FlaskClient) -> None:
    asked = [
        limited.get("/thing", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code
        for n in range(4)
    ]
    assert asked == [200, 200, 200, 429]


def test_probes_are_free(limited: FlaskClient) -> None:
    assert {limited.get("/health/live").status_code for _ in range(9)} == {200}
