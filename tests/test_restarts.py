"""Rolling restarts of a service behind a load balancer that probes its readiness: no request fails."""

import contextlib
import http.client
import itertools
import queue
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import harness, servers

pytestmark = pytest.mark.proof

RESTARTS = 10
RATE = 50
# Seconds that the balancer keeps a connection that is idle: less than the 5 s of the service.
IDLE = 2
# Of ten requests one takes longer than the drain has left when it begins.
SLOW = """import time
from wsgi import application
@application.get('/quick')
def quick():
    return {}
@application.get('/slow')
def slow():
    time.sleep(1)
    return {}
"""


class Backend:
    """A server as the balancer knows it: whether it is ready, and connections that it keeps to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.is_ready = False
        self.kept: queue.LifoQueue[tuple[float, http.client.HTTPConnection]] = queue.LifoQueue()

    def probe(self) -> None:
        try:
            self.is_ready = servers.request(self.port, "GET", "/health/ready", timeout=1).status == 200
        except (OSError, http.client.HTTPException):
            self.is_ready = False

    def ask(self, path: str) -> str:
        """Ask once, on a kept connection where there is one; return what became of it."""
        connection = self.connection()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return type(error).__name__
        if connection.sock is not None:  # None where the server asked for the end of it
            self.kept.put((time.monotonic(), connection))
        return str(response.status)

    def connection(self) -> http.client.HTTPConnection:
        """Take a kept connection, or make one."""
        with contextlib.suppress(queue.Empty):
            used, connection = self.kept.get_nowait()
            if time.monotonic() - used < IDLE:
                return connection
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)


class Balancer:
    """Probes two backends four times a second, and sends each request to one that is ready, in turns.

    It never asks twice: what fails once has failed.
    """

    def __init__(self, ports: list[int]) -> None:
        self.backends = [Backend(port) for port in ports]
        self.turns = itertools.count()
        self.outcomes: Counter[str] = Counter()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.load, daemon=True)]
        self.threads += [threading.Thread(target=self.watch, args=(b,), daemon=True) for b in self.backends]

    def watch(self, backend: Backend) -> None:
        while not self.stop.wait(0.25):
            backend.probe()

    def ask(self) -> None:
        turn = next(self.turns)
        ready = [backend for backend in self.backends if backend.is_ready]
        outcome = ready[turn % len(ready)].ask("/quick" if turn % 10 else "/slow") if ready else "none ready"
        self.outcomes[outcome] += 1

    def load(self) -> None:
        """Send requests at a constant rate, whatever becomes of those before."""
        started = time.monotonic()
        with ThreadPoolExecutor(64) as clients:
            for n in itertools.count(1):
                if self.stop.wait(max(0, started + n / RATE - time.monotonic())):
                    return
                clients.submit(self.ask)

    def wait_until_ready(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not all(backend.is_ready for backend in self.backends):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_no_request_fails_over_ten_rolling_restarts(tmp_path, record_property):
    tree = harness.render(harness.default(auth="none")) | {"slow.py": SLOW.encode()}
    folder = harness.write(tree, tmp_path / "service")
    assert servers.run(folder, "flask", "db", "upgrade").returncode == 0
    settings = {"DRAIN_SECONDS": "2", "WEB_THREADS": "8", "RATE_LIMIT": "0"}
    running: list[servers.Server] = []
    with contextlib.ExitStack() as stack:

        def start(port: int) -> servers.Server:
            log = tmp_path / f"log{len(running)}"
            server = servers.Server(folder, log, "slow:application", PORT=str(port), **settings)
            stack.callback(server.process.kill)
            running.append(server)
            return server

        live = [start(servers.free_port()) for _ in range(2)]
        balancer = Balancer([server.port for server in live])
        stack.callback(balancer.stop.set)
        for thread in balancer.threads[1:]:
            thread.start()
        balancer.wait_until_ready()
        balancer.threads[0].start()
        codes = []
        for n in range(RESTARTS):
            codes.append(live[n % 2].stop())
            live[n % 2] = start(live[n % 2].port)
            balancer.wait_until_ready()
        balancer.stop.set()
        for thread in balancer.threads:
            thread.join(20)
        codes += [server.stop() for server in live]
    answered = balancer.outcomes.pop("200")
    failed = sum(balancer.outcomes.values())
    record_property(
        "summary", f"Rolling restarts: {RESTARTS}, {answered + failed} requests, {failed} failed."
    )
    assert balancer.outcomes == {}
    assert answered > RESTARTS * RATE
    assert set(codes) == {0}
    assert "Traceback" not in "".join(server.log.read_text() for server in running)
