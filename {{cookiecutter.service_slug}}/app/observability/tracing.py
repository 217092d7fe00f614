"""Server span of each request, by OpenTelemetry's semantic conventions for HTTP."""

import contextlib
import re
import threading
from random import getrandbits
from typing import TYPE_CHECKING, Any

from flask import Flask
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagate import get_global_textmap
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from app.flask_app import collapse_spaces
from app.observability.record import RequestRecord

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SPAN = "app.span"
NO_PARENT = Context()
TRACE_ID_LIMIT = TraceIdRatioBased.TRACE_ID_LIMIT
UNSAMPLED = TraceFlags(TraceFlags.RANDOM_TRACE_ID)
is_port = re.compile(r"[0-9]{1,5}").fullmatch


class TraceIds(RandomIdGenerator):
    """Generator of random ids, except for a trace id that is set before the span starts."""

    def __init__(self) -> None:
        self.local = threading.local()

    def generate_trace_id(self) -> int:
        trace_id: int | None = self.local.__dict__.pop("trace_id", None)
        return trace_id or super().generate_trace_id()


trace_ids = TraceIds()


def get_tracer() -> trace.Tracer:
    """Return the service's tracer."""
    return trace.get_tracer("app")


def header_key(name: str) -> str:
    """Return the WSGI environment's key of a header (PEP 3333)."""
    return f"HTTP_{name.upper().replace('-', '_')}"


class EnvironGetter(Getter["WSGIEnvironment"]):
    """Propagator's getter for the headers in a WSGI environment."""

    def get(self, carrier: "WSGIEnvironment", key: str) -> list[str] | None:
        value = carrier.get(header_key(key))
        # OpenTelemetry takes quadratic time for consecutive spaces: 0.2 s for 8 kB of baggage.
        return [collapse_spaces(" ", value)] if value else None

    def keys(self, carrier: "WSGIEnvironment") -> list[str]:
        return [name for name in carrier if name.startswith("HTTP_")]


class RequestSpans:
    """Request hooks: a span per request, current until its response is sent."""

    def __init__(self, bound: int | None) -> None:
        """New traces are sampled if their id is below `bound`; None leaves it to the sampler."""
        self.bound = bound
        self.tracer = get_tracer()
        self.propagator = get_global_textmap()
        self.headers = [header_key(name) for name in self.propagator.fields]
        self.getter = EnvironGetter()

    def open(self, record: RequestRecord) -> None:
        """Start the request's span, as a child of the caller's if there is one."""
        if record.is_probe:
            return
        environ = record.environ
        parent = NO_PARENT
        for header in self.headers:
            if header in environ:
                parent = self.propagator.extract(environ, NO_PARENT, self.getter)
                break
        span = self.start_span(record, parent)
        environ[SPAN] = span, attach(set_span_in_context(span, parent))
        span_context = span.get_span_context()
        record.ids["trace_id"] = f"{span_context.trace_id:032x}"
        record.ids["span_id"] = f"{span_context.span_id:016x}"

    def start_span(self, record: RequestRecord, parent: Context) -> Span:
        """Return a new span; one that records nothing if its trace is not sampled."""
        if parent is NO_PARENT:
            trace_id = getrandbits(128) or 1
            if self.bound is not None and trace_id & TRACE_ID_LIMIT >= self.bound:
                # Most requests: decided before creating a span.
                span_id = getrandbits(64) or 1
                return NonRecordingSpan(SpanContext(trace_id, span_id, False, UNSAMPLED))
            trace_ids.local.trace_id = trace_id
        return self.tracer.start_span(record.method, parent, SpanKind.SERVER)

    def close(self, record: RequestRecord) -> None:
        """Name and end the request's span."""
        if SPAN not in record.environ:
            return
        span, token = record.environ.pop(SPAN)
        detach(token)
        try:
            if span.is_recording():
                span.update_name(f"{record.method} {record.route}".rstrip())
                span.set_attributes(span_attributes(record))
                if record.status >= 500:
                    span.set_attribute("error.type", str(record.status))
                    span.set_status(StatusCode.ERROR)
        finally:
            span.end()


def span_attributes(record: RequestRecord) -> dict[str, Any]:
    """Return the attributes of a request's span, without its query, which may contain secrets."""
    environ = record.environ
    port = environ["SERVER_PORT"]
    attributes = {
        "http.request.method": record.method,
        "http.route": record.route,
        "http.response.status_code": record.status,
        "http.response.body.size": record.size,
        "url.scheme": environ["wsgi.url_scheme"],
        "url.path": record.path,
        "server.address": environ["SERVER_NAME"],
        # With ProxyFix, X-Forwarded-Host can set it to any text.
        "server.port": int(port) if is_port(port) else "",
        "client.address": environ.get("REMOTE_ADDR", ""),
        "network.protocol.version": environ["SERVER_PROTOCOL"].partition("/")[2],
        "user_agent.original": environ.get("HTTP_USER_AGENT", ""),
        "user.id": record.fields.get("uid", ""),
        "app.request_id": record.request_id,
        "app.correlation_id": record.correlation_id,
    }
    return {name: value for name, value in attributes.items() if value != ""}


def record_exception(_: Flask, exception: BaseException, **__: Any) -> None:
    """Record the exception of a request in its span."""
    with contextlib.suppress(Exception):  # an exception whose own __str__ raises
        trace.get_current_span().record_exception(exception)
