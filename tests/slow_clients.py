"""Clients that take their time, all of 127.0.0.1, and what they leave of a service for others.

Each attack is what a server without deadlines answers one byte, one chunk or one silence at a time.
"""

import contextlib
import http.client
import itertools
import os
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen

from tests import servers

HEAD = b"POST /orders/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
# An attacker opens a new connection for each that is closed, so many a second at the most.
RECONNECTS = 50


@dataclass(frozen=True)
class Attack:
    """So many connections, each with a first message and then one piece every `pause` seconds."""

    connections: int
    first: bytes = b""
    piece: bytes = b""
    pause: float = 1.0


ATTACKS = {
    "64 connections at 1 B/s": Attack(64, b"GET / HTTP/1.1\r\nX-Slow: ", b"x"),
    "16 endless chunked bodies": Attack(
        16, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", pause=0.05
    ),
    "40 silent bodies": Attack(40, HEAD + b"Content-Length: 500\r\n\r\n"),
    "160 silent connections": Attack(160),
    "40 clients that do not close": Attack(40, b"GET /health/live HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"),
    "40 silent bodies that are too large": Attack(40, HEAD + b"Content-Length: 99999999\r\n\r\n"),
    "40 large chunks that never come": Attack(40, HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n"),
}


class Attacker(threading.Thread):
    """One attack, kept up until `stop` is set."""

    def __init__(self, port: int, attack: Attack, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port, self.attack, self.stop = port, attack, stop
        self.open: dict[socket.socket, float] = {}

    def run(self) -> None:
        while not self.stop.is_set():
            for _ in range(min(RECONNECTS // 10, self.attack.connections - len(self.open))):
                self.connect()
            for client, due in list(self.open.items()):
                self.trickle(client, due)
            self.stop.wait(0.1 if self.attack.pause >= 0.1 else self.attack.pause)
        for client in self.open:
            client.close()

    def connect(self) -> None:
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", self.port), timeout=1)
            client.setblocking(False)
            self.open[client] = 0.0
            client.send(self.attack.first)

    def trickle(self, client: socket.socket, due: float) -> None:
        """Send a piece when it is due; the client of a server that has closed goes."""
        try:
            if self.attack.piece and time.monotonic() >= due:
                client.send(self.attack.piece)
                self.open[client] = time.monotonic() + self.attack.pause
            # An answer is not read, and the own end not closed, until the server resets it.
            if select_closed(client):
                raise ConnectionResetError
        except BlockingIOError:
            pass
        except OSError:
            client.close()
            del self.open[client]


def select_closed(client: socket.socket) -> bool:
    """Return whether the server has reset the connection, or shut it without a word."""
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


@dataclass(frozen=True)
class Served:
    """What others were answered during an attack."""

    share: float
    p99: float

    def __str__(self) -> str:
        return f"{self.share:.0%} answered, p99 {self.p99 * 1000:.0f} ms"


def probe(port: int, seconds: float, path: str = "/health/live", timeout: float = 5.0) -> Served:
    """Ask 20 times a second, each time on a new connection and whatever became of the last."""
    took: list[float] = []
    answered: list[bool] = []

    def ask() -> None:
        started = time.monotonic()
        try:
            ok = servers.request(port, "GET", path, timeout=timeout).status == 200
        except (OSError, http.client.HTTPException):
            ok = False
        took.append(time.monotonic() - started if ok else timeout)
        answered.append(ok)

    threads = []
    started = time.monotonic()
    for n in itertools.count():
        if time.monotonic() - started > seconds:
            break
        threads.append(threading.Thread(target=ask, daemon=True))
        threads[-1].start()
        time.sleep(max(0, started + (n + 1) / 20 - time.monotonic()))
    for thread in threads:
        thread.join(timeout + 5)
    return Served(sum(answered) / len(threads), statistics.quantiles(took, n=100)[98])


def during(port: int, attack: Attack, seconds: float = 8.0) -> Served:
    """Attack; after two seconds, measure what others are answered."""
    stop = threading.Event()
    attacker = Attacker(port, attack, stop)
    attacker.start()
    try:
        time.sleep(2)
        return probe(port, seconds)
    finally:
        stop.set()
        attacker.join(10)


NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    limit_conn_zone $binary_remote_addr zone=address:1m;
    upstream service {{ server 127.0.0.1:{upstream}; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        # A whole request is here before the service hears of it.
        client_header_timeout 10s;
        client_body_timeout 10s;
        client_max_body_size 1m;
        limit_conn address 250;
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $host;
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[int]:
    """Run Debian's nginx before the service; yield its port."""
    port = servers.free_port()
    folder.mkdir(mode=0o755)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
    # As the user that it starts as: root's temporary folders are nobody else's.
    user = ["-g", "user root;"] if os.geteuid() == 0 else []
    process = Popen(["nginx", "-p", str(folder), "-c", "nginx.conf", *user], stderr=DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def front(name: str, folder: Path, upstream: int) -> Iterator[int]:
    """Yield the port that clients use: the service's own, or that of an nginx before it."""
    if name == "bare":
        yield upstream
    else:
        with nginx(folder, upstream) as port:
            yield port
