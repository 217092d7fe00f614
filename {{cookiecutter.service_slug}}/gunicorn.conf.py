"""Gunicorn's settings. See https://docs.gunicorn.org/en/stable/settings.html."""

import sys
from pathlib import Path

from app.config import ConfigError, load_server_config

try:
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

# The worker heartbeat must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None

# It would be created in the home directory, which a container's user may not write to.
control_socket_disable = True

accesslog = "-"
