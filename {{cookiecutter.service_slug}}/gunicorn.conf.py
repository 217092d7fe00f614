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


def remove(folder: str, owner: int) -> None:
    """Remove `folder` when the process that made it ends, not with each that it has forked."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


# No disk, to wait for or to find full.
memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

# Where the workers keep their metrics, which must be known before any is declared. Of this run
# alone; and not another when SIGHUP has this file read again.
if "app" not in sys.modules:
    folder = tempfile.mkdtemp(prefix="metrics-", dir=memory)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    atexit.register(remove, folder, os.getpid())

from app.config import ConfigError, load_config  # noqa: E402
from app.health.checks import begin_shutdown  # noqa: E402
from app.observability import logging, metrics, metrics_server  # noqa: E402
from app.security import security_headers  # noqa: E402
from app.security.worker import Worker, write_error  # noqa: E402

try:
    settings = load_config()
except ConfigError as error:
    sys.exit(str(error))

host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
bind = f"{host}:{settings.PORT}"
workers = settings.WEB_CONCURRENCY
threads = settings.WEB_THREADS
timeout = settings.WEB_TIMEOUT

# Threads: a slow dependency holds up one request, not a whole worker. gthread measured against
# sync, 2 workers each: 0.5 of its throughput on the shortest requests, 3.5 times where a request
# waits 100 ms, and a probe is answered meanwhile. (gevent: 1.4 and 8, by patching every library.)
worker_class = Worker
Worker.request_timeout = settings.REQUEST_TIMEOUT
Worker.connections_per_address = settings.CONNECTIONS_PER_ADDRESS

# Below Kubernetes' 30 s between SIGTERM and SIGKILL, and after the time that the drain takes.
graceful_timeout = int(25 - settings.DRAIN_SECONDS)
# For a client that sends its requests in a row; a proxy that keeps its connections idle for longer
# wants more than its own idle timeout here.
keepalive = 5

# gunicorn believes nobody; the application believes as many proxies as TRUSTED_PROXIES says.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
header_map = "drop"

# Recycle workers, not all at once: a slow leak never becomes an outage.
max_requests = 10_000
max_requests_jitter = 1_000

# Load the application once and fork: a faulty one fails at the start, and memory is shared.
preload_app = True

worker_tmp_dir = memory

# It would be created in the home directory, which a container's user may not write to.
control_socket_disable = True

# The service logs its requests itself; gunicorn's other lines go to the same stream.
logging.init_logging(settings, sys.stdout.fileno())
loglevel = settings.LOG_LEVEL.lower()


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
util.write_error = partial(write_error, security_headers(settings.ENVIRONMENT))

metrics_socket = None
if settings.METRICS_PORT:
    try:
        metrics_socket = metrics_server.open_socket(settings.HOST, settings.METRICS_PORT)
    except OSError as error:
        sys.exit(f"Cannot serve metrics on METRICS_PORT {settings.METRICS_PORT}: {error.strerror}")


def when_ready(arbiter: Any) -> None:
    """Drain before stopping, and share what is loaded by now with the workers."""
    stop = signal.getsignal(signal.SIGTERM)

    def drain(*_: Any) -> None:
        """Fail readiness, and stop when load balancers have seen it; at once when told again."""
        begin_shutdown()
        signal.signal(signal.SIGTERM, stop)
        if settings.DRAIN_SECONDS:
            signal.setitimer(signal.ITIMER_REAL, settings.DRAIN_SECONDS)
        else:
            signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGTERM))
    # Out of every collection, in pages that are not copied.
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


def child_exit(server: Any, worker: Any) -> None:
    metrics.end_worker(worker.slot)
