"""The real gunicorn with this service's configuration: what it does before the application."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
GET = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = (
    b"POST /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


class Server:
    """A gunicorn of one worker with one thread, on a port that the system has chosen."""

    def __init__(
        self,
        log: Path,
        application: str = "wsgi:application",
        descriptors: int = 0,
        **settings: str,
    ) -> None:
        environment = {**os.environ, "APP_ENV": "testing", "HOST": "127.0.0.1", "PORT": "0"}
        environment |= {"WEB_CONCURRENCY": "1", "WEB_THREADS": "1", "METRICS_PORT": "0"}
        environment |= {"GUNICORN_CMD_ARGS": ""}  # it would override gunicorn.conf.py
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", application],
                cwd=ROOT,
                env=environment | settings,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if descriptors:
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.log = log
        self.address = self.wait()

    def wait(self) -> tuple[str, int]:
        """Return the address that it listens on, when it answers."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(r"Listening at: http://\[?(.+?)\]?:(\d+) ", self.log.read_text()):
                with contextlib.suppress(OSError), socket.create_connection(found.groups()):
                    return found[1], int(found[2])
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def ids(self, message: str) -> list[str]:
        """Return the request ids of the log lines that begin so."""
        lines = [json.loads(line)["Fields"] for line in self.log.read_text().splitlines()]
        return [line["request_id"] for line in lines if line["msg"].startswith(message)]

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=10)

    def ask(self, message: bytes) -> tuple[int, dict[str, str], str]:
        """Send `message`; return the status, headers and body of the one response."""
        with self.connect() as client:
            client.sendall(message)
            received = b"".join(iter(lambda: client.recv(65536), b"")).decode()
        head, _, body = received.partition("\r\n\r\n")
        assert "HTTP/1.1 " not in body
        status, *lines = head.split("\r\n")
        return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body

    def get(self, path: str, *headers: str) -> tuple[int, dict[str, str], str]:
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
        return self.ask("\r\n".join([*lines, "", ""]).encode())


@contextlib.contextmanager
def serving(log: Path, **settings: Any) -> Iterator[Server]:
    server = Server(log, **settings)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"REQUEST_TIMEOUT": "1", "CONNECTIONS_PER_ADDRESS": "60", "LOG_FORMAT": "json"}
    with serving(tmp_path_factory.mktemp("server") / "log", **settings) as server:
        yield server


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        GET,
        GET + b"Content-Length: 10\r\n\r\n",
        GET + b"Content-Length: 99999999\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"GET /health/live HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=["nothing", "half a head", "no body", "no large body", "half a chunk", "does not close"],
)
def test_slow_clients_do_not_hold_up_others(server: Server, sent: bytes) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(server.connect()).sendall(sent)
        time.sleep(0.1)
        started = time.monotonic()
        assert server.get("/health/live")[0] == 200
        assert time.monotonic() - started < 0.5


def wait_for_ever(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """An application that answers nothing but the probe, as if what it depends on hung."""
    if environ["PATH_INFO"] != "/health/live":
        time.sleep(60)
    start_response("200 OK", [("Content-Length", "0")])
    return []


def test_slow_requests_do_not_hold_up_probes(tmp_path: Path) -> None:
    settings = {"application": "test_server:wait_for_ever", "PYTHONPATH": str(ROOT / "tests")}
    with (
        serving(tmp_path / "log", **settings) as server,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(5):
            stack.enter_context(server.connect()).sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.2)
        assert server.get("/health/live")[0] == 200


def test_more_clients_than_file_descriptors_cost_no_worker(tmp_path: Path) -> None:
    settings = {"REQUEST_TIMEOUT": "2", "LOG_FORMAT": "json"}
    with (
        serving(tmp_path / "log", descriptors=100, **settings) as server,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(120):
            stack.enter_context(server.connect()).sendall(GET)
        assert server.get("/health/live")[0] == 200
        assert len(server.ids("Booting worker")) == 1
        assert len(server.ids("Out of file descriptors")) < 5


def test_a_request_has_a_deadline(server: Server) -> None:
    started = time.monotonic()
    status, headers, body = server.ask(GET)
    assert (status, headers["Content-Type"]) == (408, "application/problem+json")
    assert json.loads(body)["request_id"] == headers["X-Request-ID"]
    assert server.ask(GET + b"Content-Length: 9\r\n\r\nabc")[0] == 408
    with server.connect() as silent:
        assert silent.recv(1) == b""
    assert 2.5 < time.monotonic() - started < 7


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 99999999\r\n\r\n",
        b"Content-Length: " + b"0" * 30 + b"9\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 12_000,
    ],
    ids=["length", "length with zeros", "large chunk", "small chunks"],
)
def test_a_body_takes_no_thread_by_being_announced(server: Server, sent: bytes) -> None:
    assert server.ask(GET + sent)[0] == 408


def test_chunks_are_framed_in_so_many_bytes(server: Server) -> None:
    chunked = GET + b"Transfer-Encoding: chunked\r\n\r\n"
    assert server.ask(chunked + b"1\r\nx\r\n" * 30_000)[0] == 400
    assert server.ask(chunked + b"f" * 40 + b"\r\n")[0] == 400
    assert server.ask(chunked + b"3e8\r\n%b\r\n" % (b"x" * 1000) * 66)[0] == 200


def test_an_address_holds_only_so_many_connections(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(server.connect()) for _ in range(70)]
        time.sleep(0.2)
        closed = 0
        for client in held:
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                closed += client.recv(1) == b""
    assert 8 <= closed <= 12
    time.sleep(0.2)
    assert server.get("/health/live")[0] == 200


def test_requests_arrive_in_any_pieces(server: Server) -> None:
    request = GET + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    request += b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-After: 1\r\n\r\n"
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            client.send(bytes([byte]))
        assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_requests_in_a_row_share_a_connection(server: Server) -> None:
    with server.connect() as client:
        client.sendall((GET + b"\r\n") * 2 + GET + b"Connection: close\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 3


def test_a_body_may_wait_for_its_leave(server: Server) -> None:
    with server.connect() as client:
        client.sendall(GET + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        assert client.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "message",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n",
        GET + b"Content-Length: -1\r\n\r\n",
        GET + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: new\r\n\r\n0\r\n\r\n",
        GET + b"X-Long: " + b"x" * 20_000 + b"\r\n\r\n",
        GET + b"X-Long: x\r\n" * 20_000,
    ],
)
def test_what_gunicorn_refuses_is_a_problem(server: Server, message: bytes) -> None:
    status, headers, body = server.ask(message)
    assert 400 <= status < 500 or status == 501
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    problem = json.loads(body)
    assert (problem["status"], problem["request_id"]) == (status, headers["X-Request-ID"])


def test_each_refusal_has_an_id_of_its_own_which_the_log_has_too(server: Server) -> None:
    ids = [server.ask(b"get / HTTP/1.1\r\n\r\n")[1]["X-Request-ID"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert [server.ids("Invalid request")[-2:]] == [ids]


def test_a_worker_has_an_id_of_its_own(server: Server) -> None:
    (master,) = server.ids("Listening at")
    (worker,) = server.ids("Booting worker")
    assert master != worker


@pytest.mark.parametrize(
    "chunks", [b"0x2\r\nab\r\n0\r\n\r\n", b"-2\r\nab\r\n0\r\n\r\n", b"2\r\nabc\r\n0\r\n\r\n"]
)
def test_malformed_chunks_that_nobody_reads_are_not_answered_twice(
    server: Server, chunks: bytes
) -> None:
    assert server.ask(CHUNKED.replace(b"Connection: close\r\n", b"") + chunks)[0] == 405


def test_no_client_tells_the_service_where_it_is(server: Server) -> None:
    for header in ("SCRIPT_NAME: /zzz", "SCRIPT_NAME: /health", "PATH_INFO: /nowhere"):
        assert server.get("/health/live", header)[0] == 200
    contradictory = ("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off")
    assert server.get("/health/live", *contradictory)[0] == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_it_serves_ipv6(tmp_path: Path) -> None:
    with serving(tmp_path / "log", HOST="[::]") as server:
        assert server.address[0] == "::"
        for address in ("127.0.0.1", "::1"):
            server.address = (address, server.address[1])
            assert server.get("/health/live")[0] == 200
        # By its IPv4 address, for limits to tell such clients apart.
        server.address = ("127.0.0.1", server.address[1])
        assert server.ask(b"get / HTTP/1.1\r\n\r\n")[0] == 400
        assert "Invalid request from ip=127.0.0.1:" in server.log.read_text()


def test_connections_leave_files_to_open(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        server = stack.enter_context(serving(tmp_path / "log", CONNECTIONS_PER_ADDRESS="0"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with contextlib.ExitStack() as held:
            for _ in range(300):
                held.enter_context(server.connect())
            time.sleep(1)
        assert server.get("/health/live")[0] == 200
        assert "Exception in worker" not in server.log.read_text()


def test_it_drains_before_it_stops(tmp_path: Path) -> None:
    with serving(tmp_path / "log", DRAIN_SECONDS="1.5") as server:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        status, headers, _ = server.get("/health/ready")
        assert (status, headers["Connection"]) == (503, "close")
        assert server.get("/health/live")[0] == 200
        assert server.process.wait(10) == 0
        with pytest.raises(ConnectionRefusedError):
            server.connect()
