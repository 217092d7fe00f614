"""Logs, metrics and the rest that is told of each request: hooks on its one record."""

from flask import Flask, Response, request

from app.context import leave_unrecorded
from app.observability.logging import init_access_log
from app.observability.metrics import expose, init_metrics
from app.observability.slo import init_slo
{% if cookiecutter.tracing != "none" %}
from app.observability.tracing import init_tracing
{% endif %}


def init_observability(app: Flask) -> None:
    """Log and measure each request, and judge its objectives."""
    init_access_log(app)
    init_metrics(app)
    init_slo(app)
    {% if cookiecutter.tracing != "none" %}
    init_tracing(app)
    {% endif %}
    # In production they are served on METRICS_PORT alone.
    if not app.config["METRICS_PORT"]:
        app.add_url_rule("/metrics", view_func=serve_metrics)
        leave_unrecorded(app, "/metrics")


def serve_metrics() -> Response:
    """Every metric, for Prometheus."""
    body, content_type = expose(request.headers.get("Accept", ""))
    return Response(body, content_type=content_type)
