from collections.abc import Callable
from threading import Event

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.health import add_check


@pytest.fixture
def adding(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Adds checks that are gone after the test."""
    checks = dict(app.extensions.get("health_checks", {}))
    monkeypatch.setitem(app.extensions, "health_checks", checks)
    return lambda name, check: add_check(app, name, check)


def test_live(client: FlaskClient) -> None:
    response = client.get("/health/live")
    assert (response.status_code, response.get_json()) == (200, {"status": "alive"})


def test_startup(client: FlaskClient) -> None:
    response = client.get("/health/startup")
    assert (response.status_code, response.get_json()) == (200, {"status": "started"})


def test_ready_when_every_check_passes(client: FlaskClient, adding: Callable[..., None]) -> None:
    adding("queue", lambda: None)
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.get_json()["status"] == "ready"
    assert set(response.get_json()["checks"].values()) == {"ok"}


def test_not_ready_when_a_check_fails(client: FlaskClient, adding: Callable[..., None]) -> None:
    def refuse() -> None:
        raise ConnectionRefusedError("internal address")

    adding("queue", refuse)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.get_json()["status"] == "unhealthy"
    assert response.get_json()["checks"]["queue"] == "ConnectionRefusedError"
    assert "internal address" not in response.text


def test_a_check_that_hangs_does_not_hang_the_probe(
    client: FlaskClient, adding: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.application.config, "HEALTH_CHECK_TIMEOUT", 0.05)
    released = Event()
    adding("queue", lambda: released.wait(30) and None)
    response = client.get("/health/ready")
    released.set()
    assert response.status_code == 503
    assert response.get_json()["checks"]["queue"] == "timeout"
