import threading
import time
from collections.abc import Callable

import pytest
from dockerflow.checks import CheckMessage, Critical, Error, Warning, get_checks
from flask.testing import FlaskClient

from app.health import checks, routes


@pytest.fixture
def add_check(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """Return a function that registers a check for the duration of the test."""
    return lambda name, check: monkeypatch.setitem(get_checks(), name, check)


def test_live(client: FlaskClient) -> None:
    response = client.get("/health/live")
    assert (response.status_code, response.get_json()) == (200, {"status": "alive"})


def test_startup(client: FlaskClient) -> None:
    response = client.get("/health/startup")
    assert (response.status_code, response.get_json()) == (200, {"status": "started"})


def test_ready_when_every_check_passes(client: FlaskClient, add_check: Callable[..., None]) -> None:
    add_check("queue", list)
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.get_json()["status"] == "ready"
    assert set(response.get_json()["checks"].values()) == {"ok"}


def test_a_warning_is_reported_and_keeps_the_service_ready(
    client: FlaskClient, add_check: Callable[..., None]
) -> None:
    add_check("queue", lambda: [Warning("It is long.", id="queue.W001")])
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.get_json()["checks"]["queue"] == "warning"


def refuse() -> list[CheckMessage]:
    raise ConnectionRefusedError("internal address")


@pytest.mark.parametrize(
    "check", [refuse, lambda: [Error("Away.", id="E")], lambda: [Critical("Away.", id="C")]]
)
def test_not_ready_when_a_check_fails(
    client: FlaskClient, add_check: Callable[..., None], check: Callable[..., object]
) -> None:
    add_check("queue", check)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.get_json()["status"] == "unhealthy"
    assert response.get_json()["checks"]["queue"] in ("error", "critical")
    assert "internal address" not in response.text
    assert "internal address" not in client.get("/__heartbeat__").text


def test_a_hanging_check_times_out_and_runs_in_one_thread(
    client: FlaskClient, add_check: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.application.config, "HEALTH_CHECK_TIMEOUT", 0.05)
    released = threading.Event()
    add_check("queue", lambda: released.wait(30) and None)
    responses = [client.get("/health/ready") for _ in range(3)]
    threads = [thread for thread in threading.enumerate() if "run" in thread.name]
    released.set()
    for thread in threads:
        thread.join()
    assert {response.status_code for response in responses} == {503}
    assert {response.get_json()["checks"]["queue"] for response in responses} == {"error"}
    assert len(threads) <= 1


def test_a_finished_check_is_not_taken_for_a_hanging_one(
    client: FlaskClient, add_check: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    class SlowToExit(threading.Thread):
        def run(self) -> None:
            super().run()
            time.sleep(0.1)

    monkeypatch.setattr(checks, "Thread", SlowToExit)
    add_check("queue", list)
    assert [client.get("/health/ready").status_code for _ in range(3)] == [200, 200, 200]


def test_results_are_cached_across_probes(
    client: FlaskClient, add_check: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.application.config, "HEALTH_CHECK_CACHE", 60)
    monkeypatch.setattr(client.application.extensions["checks"], "expires_at", 0.0)
    runs: list[float] = []
    add_check("stock", lambda: runs.append(time.time()))
    for path in ("/health/ready", "/__heartbeat__", "/health/ready"):
        client.get(path)
    client.application.extensions["checks"].expires_at = 0.0
    assert len(runs) == 1


def test_not_ready_during_shutdown(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_shutdown_flag", bytearray(1))
    assert client.get("/__lbheartbeat__").status_code == 200
    checks.begin_shutdown()
    assert client.get("/health/ready").status_code == 503
    assert client.get("/__lbheartbeat__").status_code == 503
    assert client.get("/health/live").status_code == 200


def test_the_heartbeat_returns_every_check_in_detail(
    client: FlaskClient, add_check: Callable[..., None]
) -> None:
    assert client.get("/__heartbeat__").status_code == 200
    add_check("queue", lambda: [Error("It is closed.", id="queue.E001")])
    response = client.get("/__heartbeat__")
    assert response.status_code == 500
    assert response.get_json()["status"] == "error"
    assert response.get_json()["checks"]["queue"] == "error"
    assert response.get_json()["details"]["queue"] == {
        "status": "error",
        "level": 40,
        "messages": {"queue.E001": "It is closed."},
    }


def test_the_heartbeat_sends_a_signal(client: FlaskClient, add_check: Callable[..., None]) -> None:
    sent: list[tuple[str, int]] = []

    def passed(_: object, level: int) -> None:
        sent.append(("passed", level))

    def failed(_: object, level: int) -> None:
        sent.append(("failed", level))

    with (
        routes.heartbeat_passed.connected_to(passed),
        routes.heartbeat_failed.connected_to(failed),
    ):
        client.get("/__heartbeat__")
        add_check("queue", refuse)
        client.get("/__heartbeat__")
    assert sent == [("passed", 0), ("failed", 40)]


def test_lbheartbeat(client: FlaskClient) -> None:
    response = client.get("/__lbheartbeat__")
    assert (response.status_code, response.data) == (200, b"")


def test_version(client: FlaskClient) -> None:
    assert {"source", "version", "commit", "build"} <= set(client.get("/__version__").get_json())


def test_the_error_endpoint_is_not_served(client: FlaskClient) -> None:
    assert client.get("/__error__").status_code == 404
