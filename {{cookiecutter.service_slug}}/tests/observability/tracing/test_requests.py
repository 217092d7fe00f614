import logging
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from opentelemetry import baggage, trace
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY

from app import create_app
from app.config import load_config
from app.observability.record import current_context

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr("app.RESOURCES", [])  # a resource may have this path
    config = load_config("testing")
    config.PROPAGATE_EXCEPTIONS = False
    config.BAGGAGE_ALLOWED = ["tenant"]
    app = create_app(config)

    @app.get("/things/<int:number>")
    def thing(number: int) -> dict[str, str]:
        if not number:
            raise RuntimeError("no thing")
        sent: dict[str, str] = {}
        inject(sent)
        return {**sent, **current_context.ids}

    return app


@pytest.fixture
def client(service: Flask) -> FlaskClient:
    return service.test_client()


def test_a_request_is_a_span_named_by_its_route(
    client: FlaskClient, spans: InMemorySpanExporter
) -> None:
    answer = client.get("/things/7?token=x", headers={"User-Agent": "tests/1"}).get_json()
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("GET /things/<int:number>", SpanKind.SERVER)
    assert span.parent is None
    assert span.context
    assert f"{span.context.trace_id:032x}" == answer["trace_id"]
    assert f"{span.context.span_id:016x}" == answer["span_id"]
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes
    # https://opentelemetry.io/docs/specs/semconv/http/http-spans/
    assert {name: span.attributes[name] for name in span.attributes if name.startswith("http")} == {
        "http.request.method": "GET",
        "http.route": "/things/<int:number>",
        "http.response.status_code": 200,
        "http.response.body.size": span.attributes["http.response.body.size"],
    }
    assert span.attributes["url.path"] == "/things/7"
    assert span.attributes["user_agent.original"] == "tests/1"
    assert "token" not in str(dict(span.attributes))


def test_an_unhandled_exception_sets_the_error_status(
    client: FlaskClient, spans: InMemorySpanExporter
) -> None:
    problem = client.get("/things/0").get_json()
    (span,) = spans.get_finished_spans()
    assert span.context
    assert problem["trace_id"] == f"{span.context.trace_id:032x}"
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes
    assert span.attributes["error.type"] == "500"
    (event,) = span.events
    assert event.attributes
    assert event.attributes["exception.message"] == "no thing"


def test_a_4xx_does_not_set_the_error_status(
    client: FlaskClient, spans: InMemorySpanExporter
) -> None:
    client.get("/nowhere")
    (span,) = spans.get_finished_spans()
    assert (span.name, span.status.status_code) == ("GET", StatusCode.UNSET)


def test_probes_are_not_traced(client: FlaskClient, spans: InMemorySpanExporter) -> None:
    for path in ("/health/live", "/__lbheartbeat__", "/metrics"):
        client.get(path)
    assert spans.get_finished_spans() == ()


@pytest.mark.parametrize("port", ["abc", "\xb2", "9" * 5000, ""])
def test_an_invalid_forwarded_port_does_not_break_the_span(
    spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture, port: str
) -> None:
    caplog.set_level(logging.INFO)
    config = load_config("testing")
    config.TRUSTED_PROXIES = 1
    client = create_app(config).test_client()
    client.get("/metrics")
    before = REGISTRY.get_sample_value("http_server_active_requests")
    headers = {
        "X-Forwarded-Host": f"shop.example:{port}",
        "traceparent": f"00-{TRACE}-{PARENT}-01",
    }
    client.get("/nowhere", headers=headers)
    (span,) = spans.get_finished_spans()
    assert span.attributes
    assert span.attributes["http.response.status_code"] == 404
    assert "server.port" not in span.attributes
    assert [record.path for record in caplog.records if record.name == "request.summary"] == [
        "/nowhere"
    ]
    client.get("/metrics")
    assert REGISTRY.get_sample_value("http_server_active_requests") == before


def test_an_exception_whose_str_raises_is_still_a_problem(
    service: Flask, spans: InMemorySpanExporter
) -> None:
    class FailingStrError(Exception):
        def __str__(self) -> str:
            raise ValueError

    @service.get("/failing")
    def failing() -> str:
        raise FailingStrError

    response = service.test_client().get("/failing")
    assert (response.status_code, response.mimetype) == (500, "application/problem+json")
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR


# https://www.w3.org/TR/trace-context/#traceparent-header
VALID = {
    "sampled": f"00-{TRACE}-{PARENT}-01",
    "a flag of a later version": f"00-{TRACE}-{PARENT}-03",
    "a later version": f"01-{TRACE}-{PARENT}-01",
    "a later version with more in it": f"cc-{TRACE}-{PARENT}-01-what-the-future-holds",
}
INVALID = {
    "empty": "",
    "no version": f"{TRACE}-{PARENT}-01",
    "forbidden version": f"ff-{TRACE}-{PARENT}-01",
    "version in upper case": f"CC-{TRACE}-{PARENT}-01",
    "trace in upper case": f"00-{TRACE.upper()}-{PARENT}-01",
    "trace of zeros": f"00-{'0' * 32}-{PARENT}-01",
    "trace too short": f"00-{TRACE[:-1]}-{PARENT}-01",
    "trace too long": f"00-{TRACE}a-{PARENT}-01",
    "trace not in hex": f"00-{'g' * 32}-{PARENT}-01",
    "parent of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "parent too short": f"00-{TRACE}-{PARENT[:-1]}-01",
    "no flags": f"00-{TRACE}-{PARENT}",
    "flags too long": f"00-{TRACE}-{PARENT}-001",
    "flags not in hex": f"00-{TRACE}-{PARENT}-.1",
    "more than version 00 has": f"00-{TRACE}-{PARENT}-01-more",
    "more than a later version may have": f"cc-{TRACE}-{PARENT}-01.more",
    "twice": f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
    "oversize": f"00-{TRACE}-{PARENT}-01" + "-" * 8000,
}


@pytest.mark.parametrize("header", VALID.values(), ids=VALID.keys())
def test_a_valid_traceparent_is_continued(
    client: FlaskClient, spans: InMemorySpanExporter, header: str
) -> None:
    client.get("/things/7", headers={"traceparent": header})
    (span,) = spans.get_finished_spans()
    assert span.context
    assert span.parent
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT


@pytest.mark.parametrize("header", INVALID.values(), ids=INVALID.keys())
def test_an_invalid_traceparent_is_ignored(
    client: FlaskClient, spans: InMemorySpanExporter, header: str
) -> None:
    response = client.get("/things/7", headers={"traceparent": header, "tracestate": "a=1"})
    assert response.status_code == 200
    (span,) = spans.get_finished_spans()
    assert span.context
    assert f"{span.context.trace_id:032x}" != TRACE
    assert span.parent is None
    assert "tracestate" not in response.get_json()


def test_an_unsampled_traceparent_stays_unsampled(
    client: FlaskClient, spans: InMemorySpanExporter
) -> None:
    answer = client.get("/things/7", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"}).get_json()
    assert spans.get_finished_spans() == ()
    assert answer["trace_id"] == TRACE
    version, trace_id, parent, flags = answer["traceparent"].split("-")
    assert (version, trace_id, int(flags, 16) & 1) == ("00", TRACE, 0)
    assert parent == answer["span_id"] != PARENT


# https://www.w3.org/TR/trace-context/#tracestate-header
@pytest.mark.parametrize(
    ("header", "sent"),
    [
        ("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        ("congo=1, ,rojo=2", "congo=1,rojo=2"),
        ("Congo=1", None),
        ("a=1,a=2", None),
        (",".join(f"m{number}=1" for number in range(33)), None),
    ],
    ids=["two members", "an empty member", "upper case", "a member twice", "33 members"],
)
def test_tracestate_is_propagated(client: FlaskClient, header: str, sent: str | None) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": header}
    answer = client.get("/things/7", headers=headers).get_json()
    assert answer["traceparent"].startswith(f"00-{TRACE}-")
    assert answer.get("tracestate") == sent


def test_only_allowed_baggage_is_propagated(client: FlaskClient) -> None:
    answer = client.get("/things/7", headers={"baggage": "tenant=7,secret=x"}).get_json()
    assert answer["baggage"] == "tenant=7"


@pytest.mark.parametrize("header", ["baggage", "tracestate"])
def test_malformed_headers_are_cheap_and_not_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    sent = ",".join(["a" + " " * 8000 + "b"] * 7)
    started = time.perf_counter()
    client.get("/things/7", headers={"traceparent": VALID["sampled"], header: sent})
    assert time.perf_counter() - started < 0.2
    assert "w3c" not in caplog.text
    assert all(len(message) < 8000 for message in caplog.messages)


def test_span_and_baggage_are_detached_after_the_request(client: FlaskClient) -> None:
    client.get("/things/7", headers={"traceparent": VALID["sampled"], "baggage": "tenant=7"})
    assert not trace.get_current_span().get_span_context().is_valid
    assert baggage.get_all() == {}
