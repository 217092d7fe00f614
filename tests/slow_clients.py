"""Clients that take their time, all of 127.0.0.1, and what they leave of a service for others.

Each attack is what a server without deadlines answers one byte, one chunk or one silence at a time.
"""

import contextlib
import http.client
import itertools
import socket
import statistics
import threading
import time
from dataclasses import dataclass

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
