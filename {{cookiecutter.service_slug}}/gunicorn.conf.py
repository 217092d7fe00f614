"""Gunicorn's settings and hooks. See https://docs.gunicorn.org/en/stable/settings.html."""

import atexit
import gc
import itertools
import os
import shutil
import signal
import sys
import tempfile
from functools import partial
from typing import Any

from gunicorn import glogging, util
from gunicorn.http import wsgi


def remove_folder(folder: str, owner: int) -> None:
    """Remove `folder` if this process is its owner: forked workers inherit the exit handler."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


# In memory, because a disk may be slow or full.
memory_folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

# The folder of the workers' metrics: set before a metric is declared, new for each run, and kept
# when SIGHUP reloads this file.
if "app" not in sys.modules:
    folder = tempfile.mkdtemp(prefix="metrics-", dir=memory_folder)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    atexit.register(remove_folder, folder, os.getpid())

from app.config import ConfigError, load_config  # noqa: E402
from app.health.checks import begin_shutdown  # noqa: E402
from app.observability import metrics, metrics_server  # noqa: E402
from app.observability.logging import init_logging  # noqa: E402
{% if cookiecutter.tracing != "none" %}
from app.observability.tracing_setup import stop_tracing  # noqa: E402
{% endif %}
from app.security import security_headers  # noqa: E402
from app.security.worker import Worker, write_error  # noqa: E402

try:
    settings = load_config()
except ConfigError as error:
    # When SIGHUP reloads this file, a running service keeps its settings.
    if Worker.settings is None:
        sys.exit(str(error))
    print(error, file=sys.stderr)
    settings = Worker.settings

host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
bind = f"{host}:{settings.PORT}"
workers = settings.WEB_CONCURRENCY
threads = settings.WEB_THREADS
timeout = settings.WEB_TIMEOUT

# Threads, so that a slow dependency delays one request, not a whole worker. Throughput relative to
# sync, with 2 workers each: 0.5 for the shortest requests, 3.5 for requests that wait 100 ms.
# (gevent: 1.4 and 8, but it patches every library.)
worker_class = Worker
Worker.settings = settings
Worker.request_timeout = settings.REQUEST_TIMEOUT
Worker.connections_per_address = settings.CONNECTIONS_PER_ADDRESS

# Together with the drain, below Kubernetes' 30 s between SIGTERM and SIGKILL.
graceful_timeout = int(25 - settings.DRAIN_SECONDS)
# Seconds. Behind a proxy that reuses connections, set it above the idle timeout of the proxy.
keepalive = 5

# gunicorn ignores proxy headers; the application reads those of TRUSTED_PROXIES proxies.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
header_map = "drop"

# Restart workers regularly, but not all at once, so that memory leaks stay small.
max_requests = 10_000
max_requests_jitter = 1_000

# Load the application before forking: errors stop the start, and workers share memory.
preload_app = True

worker_tmp_dir = memory_folder

# gunicorn would create it in the home directory, which may not be writable in a container.
control_socket_disable = True

# The service logs requests itself; gunicorn's own messages go to the same stream.
init_logging(settings, sys.stdout.fileno())
loglevel = settings.LOG_LEVEL.lower()


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn logger that leaves output to the service's logging."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = Logger


class Response(wsgi.Response):  # type: ignore[misc]
    """Response without the Server header."""

    def default_headers(self) -> list[str]:
        return [line for line in super().default_headers() if not line.startswith("Server:")]


# gunicorn 27.0 has no setting for either; tests/test_server.py fails when these names move.
wsgi.Response = Response
util.write_error = partial(write_error, security_headers(settings.ENVIRONMENT))

metrics_socket = None
if settings.METRICS_PORT:
    try:
        metrics_socket = metrics_server.open_socket(settings.HOST, settings.METRICS_PORT)
    except OSError as error:
        sys.exit(f"Cannot serve metrics on METRICS_PORT {settings.METRICS_PORT}: {error.strerror}")


def when_ready(arbiter: Any) -> None:
    """Drain before stopping, and share the loaded modules' memory with the workers."""
    stop = signal.getsignal(signal.SIGTERM)

    def drain(*_: Any) -> None:
        """Fail readiness, and stop after DRAIN_SECONDS, or at once on a second SIGTERM."""
        begin_shutdown()
        signal.signal(signal.SIGTERM, stop)
        if settings.DRAIN_SECONDS:
            signal.setitimer(signal.ITIMER_REAL, settings.DRAIN_SECONDS)
        else:
            signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGTERM))
    # Frozen objects are not collected, so their memory pages stay shared.
    gc.collect()
    gc.freeze()


def pre_fork(server: Any, worker: Any) -> None:
    """Assign the lowest free metrics slot to the worker."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in itertools.count(1) if slot not in taken)


def post_fork(server: Any, worker: Any) -> None:
    """Count and serve metrics in the worker."""
    metrics.use_slot(worker.slot)
    if metrics_socket:
        metrics_server.start_serving(metrics_socket)


def child_exit(server: Any, worker: Any) -> None:
    """Remove the gauges of a worker that has exited."""
    metrics.remove_gauges(worker.slot)
{% if cookiecutter.tracing != "none" %}


def worker_exit(server: Any, worker: Any) -> None:
    # Not left to atexit, which waits for requests that hang.
    stop_tracing()
{% endif %}
