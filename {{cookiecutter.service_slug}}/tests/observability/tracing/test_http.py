from collections.abc import Iterator

import httpx
import pytest
import respx
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from app.clients.http import make_client
from app.observability.tracing import get_tracer

URL = "https://user:secret@upstream.example/things?token=x"


@pytest.fixture
def upstream() -> Iterator[respx.Route]:
    with respx.mock() as router:
        yield router.get(host="upstream.example")


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with make_client(httpx.Timeout(1)) as client:
        yield client


@pytest.mark.usefixtures("app")
def test_a_call_is_a_span_and_the_parent_of_the_next_service(
    client: httpx.Client, upstream: respx.Route, spans: InMemorySpanExporter
) -> None:
    upstream.respond(200)
    with get_tracer().start_as_current_span("request") as parent:
        client.get(URL)
    span, _ = spans.get_finished_spans()
    assert (span.name, span.kind) == ("GET", SpanKind.CLIENT)
    assert span.parent == parent.get_span_context()
    assert span.context
    sent = upstream.calls.last.request.headers["traceparent"].split("-")
    assert sent[1:3] == [f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"]
    # https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client
    assert span.attributes == {
        "http.request.method": "GET",
        "url.full": "https://upstream.example/things",
        "server.address": "upstream.example",
        "server.port": 443,
        "http.response.status_code": 200,
    }


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("outcome", "error"),
    [(httpx.Response(503), "503"), (httpx.ConnectError("away"), "ConnectError")],
)
def test_a_failing_call_sets_the_error_status(
    client: httpx.Client,
    upstream: respx.Route,
    spans: InMemorySpanExporter,
    outcome: httpx.Response | httpx.ConnectError,
    error: str,
) -> None:
    upstream.mock(side_effect=[outcome])
    with get_tracer().start_as_current_span("request"):
        try:
            client.get(URL)
        except httpx.ConnectError:
            assert error == "ConnectError"
    span, _ = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes
    assert span.attributes["error.type"] == error


@pytest.mark.usefixtures("app")
def test_an_unsampled_trace_is_propagated_unsampled(
    client: httpx.Client, upstream: respx.Route, spans: InMemorySpanExporter
) -> None:
    upstream.respond(200)
    unsampled = NonRecordingSpan(SpanContext(7, 9, False, TraceFlags(0)))
    with trace.use_span(unsampled):
        client.get(URL)
    assert spans.get_finished_spans() == ()
    sent = upstream.calls.last.request.headers["traceparent"]
    assert sent == f"00-{7:032x}-{9:016x}-00"
