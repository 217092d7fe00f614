"""Metrics for Prometheus: every metric declared with prometheus_client is served.

Under gunicorn each worker writes to the files of its slot, which its replacement reuses. Any worker
serves the metrics of all, a worker that dies loses no counts, and the number of files stays small.
"""

import gc
import logging
import os
import platform
import threading
from collections.abc import Callable

from flask import Flask, Response, request
from prometheus_client import GC_COLLECTOR, PROCESS_COLLECTOR, REGISTRY, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.observability.record import (
    RequestRecord,
    add_probe_path,
    on_close,
    on_failure,
    on_open,
)
from app.version import read_version

logger = logging.getLogger(__name__)

FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
_slot = 0


def get_slot() -> int:
    """Return the slot of this worker; 0 in the gunicorn master."""
    return _slot


# prometheus_client 0.25 documents no way to number workers: by default it uses their process ids.
if FOLDER:
    values.ValueClass = values.MultiProcessValue(get_slot)

# Name, labels and buckets are those of the semantic conventions for HTTP metrics.
LABELS = ("http_route", "http_request_method", "http_response_status_code")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
REQUEST_DURATION = Histogram(
    "http_server_request_duration_seconds", "Duration of requests.", LABELS, buckets=BUCKETS
)
ACTIVE_REQUESTS = Gauge(
    "http_server_active_requests", "Requests in flight.", multiprocess_mode="livesum"
)
BUILD_INFO = Gauge(
    "service_build_info",
    "Version of the running service.",
    ["version", "commit", "python"],
    multiprocess_mode="max",
)
LOG_LINES_LOST = Counter("log_lines_lost_total", "Log lines that could not be written.")
HOOK_FAILURES = Counter("request_hook_failures_total", "Request hooks that raised.", ["hook"])

# Totals of all workers, under the names that prometheus_client uses for one process.
REGISTRY.unregister(PROCESS_COLLECTOR)
REGISTRY.unregister(GC_COLLECTOR)
WORKERS = Gauge("service_workers", "Worker processes.", multiprocess_mode="livesum")
PROCESS_CPU = Counter("process_cpu_seconds_total", "User and system CPU time.")
PROCESS_MEMORY = Gauge(
    "process_resident_memory_bytes", "Resident memory.", multiprocess_mode="livesum"
)
PROCESS_FDS = Gauge("process_open_fds", "Open file descriptors.", multiprocess_mode="livesum")
GC_COLLECTIONS = Counter("python_gc_collections_total", "Garbage collections.", ["generation"])


def init_metrics(app: Flask) -> None:
    """Count and time the application's requests, and serve the metrics."""
    built = read_version()
    BUILD_INFO.labels(built["version"], built["commit"], platform.python_version()).set(1)
    on_open(app, _active.add)
    on_close(app, observe_request)
    on_failure(app, lambda hook: HOOK_FAILURES.labels(hook).inc())
    # In production they are served on METRICS_PORT only.
    if not app.config["METRICS_PORT"]:
        app.add_url_rule("/metrics", view_func=serve_metrics)
        add_probe_path(app, "/metrics")


# Requests in flight, and histograms by labels. No lock: each operation on them is atomic.
_active: set[RequestRecord] = set()
_durations: dict[tuple[str, str, int], Histogram] = {}


def observe_request(record: RequestRecord) -> None:
    """Observe the duration of a finished request."""
    _active.discard(record)
    labels = (record.route, record.method, record.status)
    duration = _durations.get(labels)
    if duration is None:
        duration = _durations[labels] = REQUEST_DURATION.labels(*labels)
    duration.observe(record.duration)


# Called before each scrape to update other metrics of this process. All applications of the process
# share the list: append to it on import.
samplers: list[Callable[[], None]] = []

_sampling = threading.Lock()
_totals: dict[Counter, float] = {}


def sample_process() -> None:
    """Update the metrics of this process."""
    with _sampling:
        measured = {metric.name: metric.samples[0].value for metric in PROCESS_COLLECTOR.collect()}
        if measured:  # empty without /proc
            inc_to(PROCESS_CPU, measured["process_cpu_seconds"])
            PROCESS_MEMORY.set(measured["process_resident_memory_bytes"])
            PROCESS_FDS.set(measured["process_open_fds"])
        for generation, stats in enumerate(gc.get_stats()):
            inc_to(GC_COLLECTIONS.labels(generation), stats["collections"])
        WORKERS.set(1)
        ACTIVE_REQUESTS.set(len(_active))
        for sampler in samplers:
            try:
                sampler()
            except Exception:  # the other samplers still run
                logger.exception("The metrics sampler %s failed.", sampler.__qualname__)


def inc_to(counter: Counter, total: float) -> None:
    """Increase `counter` by the growth of `total` since the last call."""
    counter.inc(max(0.0, total - _totals.get(counter, 0.0)))
    _totals[counter] = total


def use_slot(slot: int, interval: float = 1.0) -> None:
    """Write to the files of `slot`, and sample this process every `interval` seconds."""
    global _slot
    _slot = slot
    for generation, stats in enumerate(gc.get_stats()):  # exclude collections before the fork
        _totals[GC_COLLECTIONS.labels(generation)] = stats["collections"]
    threading.Thread(target=sample_forever, args=(interval,), daemon=True).start()


def remove_gauges(slot: int) -> None:
    """Remove the gauges of the dead worker of `slot`; called in the gunicorn master."""
    mark_process_dead(slot, FOLDER)


def sample_forever(interval: float) -> None:
    """Sample this process every `interval` seconds."""
    waiting = threading.Event()
    while True:
        sample_process()
        waiting.wait(interval)


def encode_metrics(accept: str) -> tuple[bytes, str]:
    """Return the metrics of all workers and their content type: OpenMetrics if accepted."""
    sample_process()
    encoder, content_type = choose_encoder(accept)
    collector = MultiProcessCollector(None, FOLDER) if FOLDER else REGISTRY
    return encoder(collector), content_type


def serve_metrics() -> Response:
    """Return the metrics of all workers."""
    body, content_type = encode_metrics(request.headers.get("Accept", ""))
    return Response(body, content_type=content_type)
