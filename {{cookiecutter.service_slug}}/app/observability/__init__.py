"""Request records, logs, metrics and service level objectives."""

from flask import Flask

from app.observability.logging import init_access_log
from app.observability.metrics import init_metrics
from app.observability.record import init_records
from app.observability.slo import init_slo
{% if cookiecutter.tracing != "none" and cookiecutter.database != "none" %}
from app.observability.tracing_database import trace_statements
{% endif %}
{% if cookiecutter.tracing != "none" %}
from app.observability.tracing_setup import init_tracing
{% endif %}


def init_observability(app: Flask) -> None:
    """Record, log and measure the application's requests."""
    init_records(app)
    init_access_log(app)
    init_metrics(app)
    init_slo(app)
    {% if cookiecutter.tracing != "none" %}
    init_tracing(app)
    {% endif %}
    {% if cookiecutter.tracing != "none" and cookiecutter.database != "none" %}
    trace_statements()
    {% endif %}
