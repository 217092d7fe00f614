"""HTTP server for metrics on METRICS_PORT, which need not be public.

A thread of each worker serves the same socket, so metrics stay available while any worker lives,
even if all are busy with requests.
"""

import socket
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app.observability.metrics import encode_metrics

# Seconds that a client may take to send its request.
TIMEOUT = 5


class MetricsHandler(BaseHTTPRequestHandler):
    """Handler of GET /metrics; any other path is a 404."""

    timeout = TIMEOUT
    server_version = "metrics"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        body, content_type = encode_metrics(self.headers.get("Accept", ""))
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Log nothing: Prometheus scrapes every few seconds."""


@cache
def open_socket(host: str, port: int) -> socket.socket:
    """Return the socket that workers inherit. Raises `OSError` if the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # `::` also accepts IPv4, as gunicorn does.
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, dualstack_ipv6=both)
    # A connection wakes up every worker; those that do not get it must not block.
    listener.setblocking(False)
    return listener


def start_serving(listener: socket.socket) -> None:
    """Serve metrics on `listener` in a thread of this process."""
    address = listener.getsockname()[:2]
    server = ThreadingHTTPServer(address, MetricsHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    threading.Thread(target=server.serve_forever, args=(30,), daemon=True).start()
