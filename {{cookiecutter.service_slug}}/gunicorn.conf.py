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

# Threads: a slow client or a slow dependency holds up one request, not a whole worker.
worker_class = "gthread"

# Below Kubernetes' 30 s between SIGTERM and SIGKILL.
graceful_timeout = 25
# Above the idle timeout of the usual load balancers' connection pools would be safer still; this
# is enough for a client that sends its requests in a row.
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
