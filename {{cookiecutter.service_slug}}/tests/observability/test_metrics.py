import re
import socket
import urllib.error
import urllib.request

import pytest
from flask.testing import FlaskClient
from prometheus_client import REGISTRY

from app import create_app
from app.config import load_config
from app.observability import metrics, metrics_server


def count(route: str, method: str, status: int) -> float:
    labels = {
        "http_route": route,
        "http_request_method": method,
        "http_response_status_code": str(status),
    }
    return REGISTRY.get_sample_value("http_server_request_duration_seconds_count", labels) or 0.0


def test_requests_are_counted_by_route_method_and_status(client: FlaskClient) -> None:
    before = count("/health/live", "GET", 200)
    for _ in range(3):
        client.get("/health/live")
    assert count("/health/live", "GET", 200) == before + 3


def test_clients_cannot_create_labels(client: FlaskClient) -> None:
    before = count("", "GET", 404), count("", "_OTHER", 405)
    client.get("/made/up")
    client.get("/made/up/too")
    client.open("/health/live", method="MADEUP")
    assert (count("", "GET", 404), count("", "_OTHER", 405)) == (before[0] + 2, before[1] + 1)


def test_the_scrape_itself_is_an_active_request(client: FlaskClient) -> None:
    others = len(metrics._active)  # left open by other tests
    exposed = client.get("/metrics").text
    assert re.search(rf"^http_server_active_requests {others + 1}\.0$", exposed, re.M)


def test_unhandled_exceptions_are_counted_as_500() -> None:
    config = load_config("testing")
    config.PROPAGATE_EXCEPTIONS = False
    app = create_app(config)

    @app.get("/fault")
    def fault() -> str:
        raise RuntimeError

    before = count("/fault", "GET", 500)
    app.test_client().get("/fault")
    assert count("/fault", "GET", 500) == before + 1


@pytest.mark.parametrize(
    "name",
    [
        "service_build_info",
        "service_workers",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "python_gc_collections_total",
        "log_lines_lost_total",
    ],
)
def test_process_metrics_are_exposed(client: FlaskClient, name: str) -> None:
    assert re.search(f"^{name}" + r"(\{.+\})? \d", client.get("/metrics").text, re.M)


def test_openmetrics_is_served_if_accepted(client: FlaskClient) -> None:
    assert client.get("/metrics").content_type.startswith("text/plain")
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = client.get("/metrics", headers=accept)
    assert response.content_type.startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def test_with_metrics_port_the_application_does_not_serve_metrics() -> None:
    config = load_config("testing")
    config.METRICS_PORT = 9090
    assert create_app(config).test_client().get("/metrics").status_code == 404


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1"), ("::", "[::1]")]
)
def test_the_metrics_server_serves_metrics_only(host: str, address: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    listener = metrics_server.open_socket(host, 0)
    metrics_server.start_serving(listener)
    url = f"http://{address}:{listener.getsockname()[1]}"
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as response:
        assert b"http_server_request_duration_seconds" in response.read()
    with pytest.raises(urllib.error.HTTPError, match="404") as refusal:
        urllib.request.urlopen(f"{url}/health/live", timeout=5)
    refusal.value.close()


def test_a_failing_sampler_does_not_stop_the_others(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError

    sampled: list[bool] = []
    monkeypatch.setattr(metrics, "samplers", [fail, lambda: sampled.append(True)])
    assert client.get("/metrics").status_code == 200
    assert sampled == [True]
    assert "fail failed" in caplog.text
