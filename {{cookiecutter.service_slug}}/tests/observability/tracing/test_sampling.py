"""Which requests are sampled, and how far a caller can decide it."""

from types import SimpleNamespace

import pytest
from flask import Flask
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from app.config import ConfigError, load_config
from app.observability import tracing_setup
from app.observability.tracing_setup import CountingProcessor, choose_sampler

SAMPLED, UNSAMPLED = TraceFlags(TraceFlags.SAMPLED), TraceFlags(0)
# A trace id that any ratio samples: a client can choose it.
LOWEST = 1 << 64


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace the clock with one that the test sets."""
    clock = SimpleNamespace(now=1000.5)
    monkeypatch.setattr(tracing_setup, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def count_traced(limit: int, ratio: float, flags: TraceFlags, requests: int = 1000) -> int:
    """Return the number of sampled requests, whose traceparent has `flags`."""
    app = Flask(__name__)
    app.config.update(TESTING=True, TRACES_SAMPLE_RATIO=ratio, TRACES_PARENT_LIMIT=limit)
    tracer = TracerProvider(sampler=choose_sampler(app)).get_tracer("tests")
    caller = NonRecordingSpan(SpanContext(LOWEST, 9, is_remote=True, trace_flags=flags))
    parent = trace.set_span_in_context(caller)
    spans = [tracer.start_span("GET", parent, SpanKind.SERVER) for _ in range(requests)]
    return sum(span.is_recording() for span in spans)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("limit", [0, 10])
def test_sampled_callers_are_followed_up_to_the_limit(limit: int) -> None:
    assert count_traced(limit, 0.0, SAMPLED) == limit


@pytest.mark.usefixtures("clock")
def test_beyond_the_limit_the_ratio_decides_for_any_trace_id() -> None:
    assert 10 < count_traced(10, 0.1, SAMPLED) < 200
    assert count_traced(10, 1.0, SAMPLED) == 1000


def test_the_limit_is_per_second(clock: SimpleNamespace) -> None:
    sampler = tracing_setup.CallerSampler(2, 0.0)
    assert [sampler.is_within_limit() for _ in range(3)] == [True, True, False]
    clock.now += 1
    assert [sampler.is_within_limit() for _ in range(3)] == [True, True, False]


def test_unsampled_callers_are_not_traced() -> None:
    assert count_traced(10, 1.0, UNSAMPLED) == 0


def test_otel_traces_sampler_replaces_the_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_on")
    assert count_traced(0, 0.0, SAMPLED) == 1000


def test_a_negative_limit_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACES_PARENT_LIMIT", "-1")
    with pytest.raises(ConfigError, match="TRACES_PARENT_LIMIT"):
        load_config("testing")


def test_the_queue_of_spans_is_where_the_processor_reads_it() -> None:
    processor = CountingProcessor(InMemorySpanExporter(), max_queue_size=600)
    assert processor._batch_processor._queue.maxlen == 600
    processor.on_end(ReadableSpan("unsampled"))
    processor.shutdown()
