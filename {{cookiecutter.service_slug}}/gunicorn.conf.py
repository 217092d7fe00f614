"""Gunicorn's settings and hooks. See https://docs.gunicorn.org/en/stable/settings.html."""

import atexit
import gc
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from gunicorn import glogging
from gunicorn.http import wsgi


def remove(folder: str, owner: int) -> None:
    """Remove `folder` when the process that made it ends, not with each that it has forked."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


# No disk, to wait for or to find full.
memory = "/dev/shm" if Path("/dev/shm").is_dir() else None

# Where the workers keep their metrics, which must be known before any is declared. Of this run
# alone; and not another when SIGHUP has this file read again.
if "app" not in sys.modules:
    folder = tempfile.mkdtemp(prefix="metrics-", dir=memory)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    atexit.register(remove, folder, os.getpid())

from app.config import ConfigError, load_log_config, load_server_config  # noqa: E402
from app.health import stopping  # noqa: E402
from app.observability import logging, metrics, metrics_server  # noqa: E402
{% if cookiecutter.tracing != "none" %}
from app.observability.tracing import stop_tracing  # noqa: E402
{% endif %}

try:
    log = load_log_config()
    server = load_server_config()
except ConfigError as error:
    sys.exit(str(error))

bind = f"{server.HOST}:{server.PORT}"
workers = server.WORKERS
threads = server.THREADS
timeout = server.TIMEOUT

# Threads: a slow client or dependency holds up one request, not a whole worker. Measured against
# sync, 2 workers each: 0.5 of its throughput on the shortest requests, 3.5 times where a request
# waits 100 ms, and a probe is answered meanwhile. (gevent: 1.4 and 8, by patching every library.)
worker_class = "gthread"

# Below Kubernetes' 30 s between SIGTERM and SIGKILL.
graceful_timeout = 25
# For a client that sends its requests in a row; a proxy that keeps its connections idle for longer
# wants more than its own idle timeout here.
keepalive = 5

# Recycle workers, not all at once: a slow leak never becomes an outage.
max_requests = 10_000
max_requests_jitter = 1_000

# Load the application once and fork: a faulty one fails at the start, and memory is shared.
preload_app = True

worker_tmp_dir = memory

# It would be created in the home directory, which a container's user may not write to.
control_socket_disable = True

# The service logs its requests itself; gunicorn's other lines go to the same stream.
logging.init_logging(log, sys.stdout.fileno())
loglevel = log.LOG_LEVEL.lower()


class Logger(glogging.Logger):  # type: ignore[misc]
    """Leaves gunicorn's lines to the service's logging."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = Logger


class Response(wsgi.Response):  # type: ignore[misc]
    """Does not tell what serves it."""

    def default_headers(self) -> list[str]:
        return [line for line in super().default_headers() if not line.startswith("Server:")]


wsgi.Response = Response

metrics_socket = None
if server.METRICS_PORT:
    try:
        metrics_socket = metrics_server.open_socket(server.HOST, server.METRICS_PORT)
    except OSError as error:
        sys.exit(f"Cannot serve metrics on METRICS_PORT {server.METRICS_PORT}: {error.strerror}")


def when_ready(server: Any) -> None:
    """Leave what is loaded by now out of every collection, in pages that the workers share."""
    gc.collect()
    gc.freeze()


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker the lowest slot that no other has."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in itertools.count(1) if slot not in taken)


def post_fork(server: Any, worker: Any) -> None:
    metrics.start_worker(worker.slot)
    if metrics_socket:
        metrics_server.start_serving(metrics_socket)
    stopping.ask(lambda: not worker.alive)


def child_exit(server: Any, worker: Any) -> None:
    metrics.end_worker(worker.slot)
{% if cookiecutter.tracing != "none" %}


def worker_exit(server: Any, worker: Any) -> None:
    stop_tracing()
{% endif %}
