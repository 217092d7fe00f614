"""Setup of OpenTelemetry: its provider, sampler, exporter and propagator.

It is configured by the standard variables OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER,
OTEL_SERVICE_NAME and others (https://opentelemetry.io/docs/specs/otel/configuration/).
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Collection, Sequence
from random import random
from typing import Any

from flask import Flask, got_request_exception
from opentelemetry import baggage, trace
from opentelemetry.context import Context, get_current
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from prometheus_client import Counter

from app.observability.record import on_close, on_open
from app.observability.tracing import RequestSpans, record_exception, trace_ids
from app.version import SERVICE, read_version

# Seconds that a stopping process may take to export its remaining spans.
STOP_TIMEOUT = 5

SPANS = Counter("trace_spans_total", "Spans exported or lost.", ["outcome"])
EXPORTED, LOST = SPANS.labels("exported"), SPANS.labels("lost")

library = logging.getLogger("opentelemetry")


# A new trace is sampled only if its id is below; None leaves it to the sampler.
_bound: int | None = None


def init_tracing(app: Flask) -> None:
    """Trace the requests of the application."""
    init_provider(app)
    spans = RequestSpans(_bound)
    on_open(app, spans.open)
    on_close(app, spans.close)
    got_request_exception.connect(record_exception, app)


def init_provider(app: Flask) -> None:
    """Set up OpenTelemetry, once per process."""
    global _bound
    set_global_textmap(AllowedBaggage(standard_propagator(), app.config["BAGGAGE_ALLOWED"]))
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    built = {
        "service.name": SERVICE,
        "service.version": read_version()["version"],
        "deployment.environment.name": app.config["ENVIRONMENT"],
    }
    if "OTEL_TRACES_SAMPLER" not in os.environ:
        _bound = TraceIdRatioBased(sample_ratio(app)).bound
    provider = TracerProvider(
        sampler=choose_sampler(app),
        id_generator=trace_ids,
        resource=Resource.create(built).merge(OTELResourceDetector().detect()),
        shutdown_on_exit=False,
    )
    if is_exporting():
        # Imported only if used: it takes a tenth of the service's start time.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(CountingProcessor(CountingExporter(OTLPSpanExporter())))
    # OpenTelemetry warns about every malformed header, and logs all of it.
    library.setLevel(logging.ERROR)
    trace.set_tracer_provider(provider)
    atexit.register(stop_tracing)


def is_exporting() -> bool:
    """Return whether an endpoint is configured."""
    variables = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return os.environ.get("OTEL_TRACES_EXPORTER") != "none" and any(map(os.environ.get, variables))


def sample_ratio(app: Flask) -> float:
    """Return the share of new traces to sample: 0 without an exporter."""
    ratio: float = app.config["TRACES_SAMPLE_RATIO"]
    return ratio if is_exporting() or app.testing else 0.0


def choose_sampler(app: Flask) -> Sampler | None:
    """Return the sampler; None if OTEL_TRACES_SAMPLER sets it."""
    if "OTEL_TRACES_SAMPLER" in os.environ:
        return None
    ratio = sample_ratio(app)
    callers = CallerSampler(app.config["TRACES_PARENT_LIMIT"], ratio)
    return ParentBased(TraceIdRatioBased(ratio), remote_parent_sampled=callers)


class CallerSampler(Sampler):
    """Sampler of requests with a sampled traceparent: `limit` per second, and `ratio` of the rest.

    Any client can send such a header, with any trace id, so beyond the limit chance decides.
    """

    def __init__(self, limit: int, ratio: float) -> None:
        self.limit, self.ratio = limit, ratio
        self.second, self.count = 0, 0

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        sampler = ALWAYS_ON if self.is_within_limit() or random() < self.ratio else ALWAYS_OFF
        return sampler.should_sample(*args, **kwargs)

    def is_within_limit(self) -> bool:
        """Count a request; return whether it is within this second's limit."""
        second = int(time.monotonic())
        if second != self.second:
            self.second, self.count = second, 0
        self.count += 1
        return self.count <= self.limit

    def get_description(self) -> str:
        return f"CallerSampler({self.limit}, {self.ratio})"


class CountingProcessor(BatchSpanProcessor):
    """Batch processor that counts each span it drops because its queue is full."""

    def on_end(self, span: ReadableSpan) -> None:
        # OpenTelemetry 1.45 has no public name for it; tests/observability/tracing fails if it moves.
        queue = self._batch_processor._queue
        if len(queue) == queue.maxlen:
            LOST.inc()
        super().on_end(span)


class CountingExporter(SpanExporter):
    """Exporter that counts exported and lost spans, and logs one failure, not one per batch."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self.exporter.export(spans)
        succeeded = result is SpanExportResult.SUCCESS
        (EXPORTED if succeeded else LOST).inc(len(spans))
        library.setLevel(logging.ERROR if succeeded else logging.CRITICAL)
        return result

    def shutdown(self) -> None:
        self.exporter.shutdown()


def stop_tracing() -> None:
    """Export the remaining spans, for at most `STOP_TIMEOUT` seconds."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        stopping = threading.Thread(target=provider.shutdown, daemon=True)
        stopping.start()
        stopping.join(STOP_TIMEOUT)


class AllowedBaggage(TextMapPropagator):
    """Propagator that wraps another one, and sends only the allowed baggage."""

    def __init__(self, inner: TextMapPropagator, allowed: Collection[str]) -> None:
        self.inner = inner
        self.allowed = allowed

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        return self.inner.extract(carrier, context, getter)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        context = get_current() if context is None else context
        for name in baggage.get_all(context):
            if name not in self.allowed:
                context = baggage.remove_baggage(name, context)
        self.inner.inject(carrier, context, setter)

    @property
    def fields(self) -> set[str]:
        return self.inner.fields


def standard_propagator() -> TextMapPropagator:
    """Return the propagator that OTEL_PROPAGATORS configures."""
    propagator = get_global_textmap()
    return propagator.inner if isinstance(propagator, AllowedBaggage) else propagator
