"""Which requests are traced, and where their spans go.

The standard variables of OpenTelemetry say so: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER,
OTEL_SERVICE_NAME and the rest (https://opentelemetry.io/docs/specs/otel/configuration/).
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Collection, Sequence
from random import random
from typing import Any

from flask import Flask
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
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from prometheus_client import Counter

from app.version import SERVICE_NAME, read_version

# Seconds that a stopping process spends on the spans it still holds.
STOP_TIMEOUT = 5

SPANS = Counter("trace_spans_total", "Spans handed to the collector, or lost.", ["outcome"])
EXPORTED, LOST = SPANS.labels("exported"), SPANS.labels("lost")

library = logging.getLogger("opentelemetry")


def init_provider(app: Flask) -> None:
    """Set up OpenTelemetry as the application's configuration says, once for the process."""
    global _bound
    set_global_textmap(AllowedBaggage(standard_propagator(), app.config["BAGGAGE_ALLOWED"]))
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    built = {
        "service.name": SERVICE_NAME,
        "service.version": read_version()["version"],
        "deployment.environment.name": app.config["ENVIRONMENT"],
    }
    if "OTEL_TRACES_SAMPLER" not in os.environ:
        _bound = TraceIdRatioBased(sample_ratio(app)).bound
    provider = TracerProvider(
        sampler=choose_sampler(app),
        id_generator=_ids,
        resource=Resource.create(built).merge(OTELResourceDetector().detect()),
        shutdown_on_exit=False,
    )
    if is_exporting():
        # Imported where it is used: a tenth of the time that the service takes to start.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(CountingProcessor(CountingExporter(OTLPSpanExporter())))
    # It would warn of each malformed header, with all of it.
    library.setLevel(logging.ERROR)
    trace.set_tracer_provider(provider)
    atexit.register(stop_tracing)


def is_exporting() -> bool:
    """Tell whether a collector is named."""
    named = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return os.environ.get("OTEL_TRACES_EXPORTER") != "none" and any(map(os.environ.get, named))


def sample_ratio(app: Flask) -> float:
    """Return the share of new traces to sample: none where nobody would see them."""
    ratio: float = app.config["TRACES_SAMPLE_RATIO"]
    return ratio if is_exporting() or app.testing else 0.0


def choose_sampler(app: Flask) -> Sampler | None:
    """Return what samples the requests; None where OTEL_TRACES_SAMPLER names it."""
    if "OTEL_TRACES_SAMPLER" in os.environ:
        return None
    ratio = sample_ratio(app)
    callers = CallerSampler(app.config["TRACES_PARENT_LIMIT"], ratio)
    return ParentBased(TraceIdRatioBased(ratio), remote_parent_sampled=callers)


class CallerSampler(Sampler):
    """Sampler that follows callers who sample, up to `limit` a second, and samples `ratio` of the rest.

    Anybody can send a sampled traceparent and choose its trace id; neither decides beyond the limit.
    """

    def __init__(self, limit: int, ratio: float) -> None:
        self.limit, self.ratio = limit, ratio
        self.second, self.followed = 0, 0

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        sampler = ALWAYS_ON if self.follows() or random() < self.ratio else ALWAYS_OFF
        return sampler.should_sample(*args, **kwargs)

    def follows(self) -> bool:
        """Count a request; return whether it is within the limit."""
        second = int(time.monotonic())
        if second != self.second:
            self.second, self.followed = second, 0
        self.followed += 1
        return self.followed <= self.limit

    def get_description(self) -> str:
        return f"CallerSampler({self.limit}, {self.ratio})"


class TraceIds(RandomIdGenerator):
    """Random ids, but for a trace whose id was drawn to decide whether it is sampled."""

    def __init__(self) -> None:
        self.drawn = threading.local()

    def generate_trace_id(self) -> int:
        drawn: int | None = self.drawn.__dict__.pop("trace_id", None)
        return drawn or super().generate_trace_id()


_ids = TraceIds()
_bound: int | None = None


def may_sample(trace_id: int) -> bool:
    """Tell whether a trace may be sampled: False where that is settled, and costs no more."""
    return _bound is None or trace_id & TraceIdRatioBased.TRACE_ID_LIMIT < _bound


def use_trace_id(trace_id: int) -> None:
    """Have the next trace that this thread starts be called `trace_id`."""
    _ids.drawn.trace_id = trace_id


def get_tracer() -> trace.Tracer:
    """Return what starts the service's spans."""
    return trace.get_tracer("app")


class CountingProcessor(BatchSpanProcessor):
    """Queues spans for a thread to export; where the queue is full, the oldest is lost and counted."""

    def on_end(self, span: ReadableSpan) -> None:
        queue = self._batch_processor._queue
        if len(queue) == queue.maxlen:
            LOST.inc()
        super().on_end(span)


class CountingExporter(SpanExporter):
    """Counts what an exporter achieves, and lets the library complain once, not with each batch."""

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
    """Export what is left, for at most `STOP_TIMEOUT` seconds."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        stopping = threading.Thread(target=provider.shutdown, daemon=True)
        stopping.start()
        stopping.join(STOP_TIMEOUT)


class AllowedBaggage(TextMapPropagator):
    """Another propagator, but for baggage: of that, only what is allowed leaves the service."""

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
    """Return what OTEL_PROPAGATORS names."""
    propagator = get_global_textmap()
    return propagator.inner if isinstance(propagator, AllowedBaggage) else propagator
