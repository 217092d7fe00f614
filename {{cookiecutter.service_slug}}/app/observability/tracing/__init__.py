"""Traces: OpenTelemetry spans of requests, statements and calls, exported by OTLP over HTTP."""

from flask import Flask, got_request_exception

from app.context import on_close, on_open
from app.observability.metrics import annotators
{% if cookiecutter.database != "none" %}
from app.observability.tracing.database import trace_statements
{% endif %}
from app.observability.tracing.exemplars import annotate
from app.observability.tracing.provider import get_tracer, init_provider, stop_tracing
from app.observability.tracing.requests import RequestSpans, record_exception

__all__ = ["get_tracer", "init_tracing", "stop_tracing"]

annotators.append(annotate)


def init_tracing(app: Flask) -> None:
    """Trace the requests of the application, and what they ask of others."""
    init_provider(app)
    spans = RequestSpans()
    on_open(app, spans.open)
    on_close(app, spans.close)
    got_request_exception.connect(record_exception, app)
    {% if cookiecutter.database != "none" %}
    trace_statements()
    {% endif %}
