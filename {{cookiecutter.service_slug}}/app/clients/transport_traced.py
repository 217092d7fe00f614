"""HTTP transport that traces each call to another service and propagates the trace context."""

import httpx
from opentelemetry import trace
from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind, StatusCode

from app.observability.tracing import get_tracer


class TracingTransport(httpx.BaseTransport):
    """Transport that creates spans by OpenTelemetry's semantic conventions for HTTP clients."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not trace.get_current_span().is_recording():
            inject(request.headers)
            return self.inner.handle_request(request)
        attributes: dict[str, str | int] = {
            "http.request.method": request.method,
            "url.full": str(request.url.copy_with(userinfo=b"", query=None)),
            "server.address": request.url.host,
            "server.port": request.url.port or {"http": 80, "https": 443}[request.url.scheme],
        }
        tracer = get_tracer()
        with tracer.start_as_current_span(
            request.method, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False
        ) as span:
            inject(request.headers)
            try:
                response = self.inner.handle_request(request)
            except httpx.HTTPError as error:
                span.set_attribute("error.type", type(error).__name__)
                raise
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 400:
                span.set_attribute("error.type", str(response.status_code))
                span.set_status(StatusCode.ERROR)
            return response

    def close(self) -> None:
        self.inner.close()


def make_transport() -> httpx.BaseTransport:
    """Return httpx's transport, traced."""
    return TracingTransport(httpx.HTTPTransport())
