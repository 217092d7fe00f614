"""The same, observed as the documentation of each library says to."""

import logging.config
import os

from app.database import db
from bare import application
from dockerflow.flask import Dockerflow
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from prometheus_flask_exporter.multiprocess import GunicornPrometheusMetrics

# https://python-dockerflow.readthedocs.io/en/main/flask.html#logging
logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "dockerflow.logging.MozlogFormatter", "logger_name": "service"}},
        "filters": {"request_id": {"()": "dockerflow.logging.RequestIdLogFilter"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "filters": ["request_id"],
                "stream": "ext://sys.stdout",
            }
        },
        "loggers": {"request.summary": {"handlers": ["console"], "level": "INFO"}},
    }
)
Dockerflow(application, db=db)

# https://github.com/rycus86/prometheus_flask_exporter
os.environ.setdefault("prometheus_multiproc_dir", os.environ["PROMETHEUS_MULTIPROC_DIR"])
GunicornPrometheusMetrics(application)

# https://opentelemetry-python-contrib.readthedocs.io
provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(0.01)))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
FlaskInstrumentor().instrument_app(application)
HTTPXClientInstrumentor().instrument()
with application.app_context():
    SQLAlchemyInstrumentor().instrument(engine=db.engine)
