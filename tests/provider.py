"""A payment provider over HTTP, for a service to charge: idempotent, as its contract says."""

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Provider(ThreadingHTTPServer):
    """Keeps each charge under its Idempotency-Key; `charges` maps orders to the charges made for them, `headers` are as sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.answers: dict[str, str] = {}
        self.charges: dict[str, list[str]] = {}
        self.headers: list[dict[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def charge(self, key: str, order: str) -> str:
        with self.lock:
            if key not in self.answers:
                self.answers[key] = uuid.uuid4().hex
                self.charges.setdefault(order, []).append(self.answers[key])
            return self.answers[key]


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        self.server.headers.append(dict(self.headers))
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"id": self.server.charge(self.headers["Idempotency-Key"], body["order"])}
        content = json.dumps(answer).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing of each request."""
