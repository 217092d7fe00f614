import logging

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import REGISTRY

from app import create_app
from app.config import load_config
from app.observability.record import PROBE_PATHS, RequestRecord, current_context, on_close, on_open


def test_every_response_has_its_own_request_id(client: FlaskClient) -> None:
    ids = {client.get(path).headers["X-Request-ID"] for path in ("/health/live", "/nowhere")}
    assert len(ids) == 2


@pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID"])
def test_valid_ids_of_the_client_are_kept(client: FlaskClient, header: str) -> None:
    response = client.get("/health/live", headers={header: "caller-7"})
    assert response.headers[header] == "caller-7"


@pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID"])
@pytest.mark.parametrize("hostile", ["", "x" * 129, "two words", "<script>", "caf\xe9", "a\tb"])
def test_invalid_ids_of_the_client_are_replaced(
    client: FlaskClient, header: str, hostile: str
) -> None:
    response = client.get("/health/live", headers={header: hostile})
    assert response.headers.get(header) != hostile


def test_problems_contain_the_ids(client: FlaskClient) -> None:
    headers = {"X-Request-ID": "rid-7", "X-Correlation-ID": "cid-9"}
    problem = client.get("/nowhere", headers=headers).get_json()
    assert (problem["request_id"], problem["correlation_id"]) == ("rid-7", "cid-9")


def test_current_context_works_outside_requests() -> None:
    assert current_context.request_id == current_context.correlation_id
    assert current_context.path == ""


def fail(_: RequestRecord) -> None:
    raise RuntimeError("a faulty hook")


def failures(hook: str) -> float:
    return REGISTRY.get_sample_value("request_hook_failures_total", {"hook": hook}) or 0.0


def test_a_failing_hook_is_logged_and_counted_and_does_not_fail_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = create_app(load_config("testing"))
    hooks: list[str] = []
    on_open(app, fail)
    on_open(app, lambda _: hooks.append("opened"))
    on_close(app, fail)
    on_close(app, lambda _: hooks.append("closed"))
    before = failures("fail")
    assert app.test_client().get("/nowhere").status_code == 404
    assert hooks == ["opened", "closed"]
    assert failures("fail") == before + 2
    logged = [record for record in caplog.records if record.name == "app.observability.record"]
    assert [record.getMessage() for record in logged] == ["The request hook fail failed."] * 2
    assert "a faulty hook" in caplog.text


def test_the_record_is_closed_if_an_open_hook_exits() -> None:
    app = create_app(load_config("testing"))
    closed: list[int] = []

    def stop(_: RequestRecord) -> None:
        raise SystemExit

    on_open(app, stop)
    on_close(app, lambda record: closed.append(record.status))
    with pytest.raises(SystemExit):
        app.test_client().get("/health/live")
    assert closed == [500]


@pytest.fixture
def limited() -> Flask:
    """Return an application with a rate limit."""
    config = load_config("testing")
    config.RATE_LIMIT = 1000  # type: ignore[attr-defined]
    return create_app(config)


def summaries(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.path for record in caplog.records if record.name == "request.summary"]


def test_probes_and_scrapes_are_neither_logged_nor_limited(
    limited: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for path in [*PROBE_PATHS, "/metrics"]:
        response = limited.test_client().get(path)
        assert response.status_code != 404
        assert "RateLimit" not in response.headers
    assert summaries(caplog) == []


@pytest.mark.parametrize(
    "path",
    [
        "/health/nowhere",
        "/health/live/",
        "/health//live",
        "/__nowhere",
        "/__version__",
        "/docs",
        "/docs/nowhere",
        "/docs/swagger-ui/nowhere",
        "/openapi.json",
        "/metrics/",
    ],
)
def test_everything_else_is_logged_and_limited(
    limited: Flask, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert "RateLimit" in limited.test_client().get(path).headers
    assert summaries(caplog) == [path]


def test_other_methods_at_a_probe_path_are_logged_and_limited(
    limited: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert "RateLimit" in limited.test_client().post("/health/live").headers
    assert summaries(caplog) == ["/health/live"]


def test_with_metrics_port_requests_for_metrics_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    config = load_config("testing")
    config.METRICS_PORT = 9090
    assert create_app(config).test_client().get("/metrics").status_code == 404
    assert summaries(caplog) == ["/metrics"]
