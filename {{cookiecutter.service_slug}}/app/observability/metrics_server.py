"""Metrics on a port of their own, which the public does not reach.

Every worker listens on the one socket, in a thread: so long as one worker lives, metrics are served,
however busy the workers are with requests.
"""

import socket
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app.observability.metrics import expose

# Seconds that a client may take over its request.
TIMEOUT = 5


class MetricsHandler(BaseHTTPRequestHandler):
    """GET /metrics, and nothing else."""

    timeout = TIMEOUT
    server_version = "metrics"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        body, content_type = expose(self.headers.get("Accept", ""))
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Log nothing: Prometheus asks every few seconds."""


@cache
def open_socket(host: str, port: int) -> socket.socket:
    """Listen on a port, once, for the workers to inherit; raises `OSError` where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # `::` is every address, of IPv4 too, as it is for gunicorn.
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, dualstack_ipv6=both)
    # The workers all wait for the same connection, and one gets it.
    listener.setblocking(False)
    return listener


def start_serving(listener: socket.socket) -> None:
    """Serve metrics on `listener` from a thread of this process."""
    address = listener.getsockname()[:2]
    server = ThreadingHTTPServer(address, MetricsHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    threading.Thread(target=server.serve_forever, args=(30,), daemon=True).start()
