"""gunicorn with gunicorn.conf.py: what it does before a request reaches the application."""

import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
GET = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = (
    b"POST /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


HAS_IPV6 = has_ipv6()


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Server:
    """A gunicorn with one worker of one thread, on a free port."""

    def __init__(self, log: Path, application: str = "wsgi:application", **settings: str) -> None:
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
        self.log = log
        port = self.wait_for(r"Listening at: http://.+?:(\d+) ")
        self.address = "127.0.0.1", int(port)
        self.worker = int(self.wait_for(r"Booting worker with pid: (\d+)"))

    def wait_for(self, pattern: str) -> str:
        """Return the group of `pattern` when the log contains it."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(pattern, self.log.read_text()):
                return found[1]
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def ids(self, message: str) -> list[str]:
        """Return the request ids of the log lines that start with `message`."""
        lines = [json.loads(line)["Fields"] for line in self.log.read_text().splitlines()]
        return [line["request_id"] for line in lines if line.get("msg", "").startswith(message)]

    def connect(self, message: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.address, timeout=10)
        client.sendall(message)
        return client

    def send(self, message: bytes) -> tuple[int, dict[str, str], str]:
        """Send `message`; return the status, headers and body of the one response."""
        with self.connect(message) as client:
            return receive(client)

    def get(self, path: str, *headers: str) -> tuple[int, dict[str, str], str]:
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
        return self.send("\r\n".join([*lines, "", ""]).encode())


def receive(client: socket.socket) -> tuple[int, dict[str, str], str]:
    received = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    head, _, body = received.partition("\r\n\r\n")
    assert "HTTP/1.1 " not in body
    status, *lines = head.split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


@contextlib.contextmanager
def serving(log: Path, **settings: Any) -> Iterator[Server]:
    server = Server(log, **settings)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def create_holding_app() -> Callable[..., Any]:
    """Return the service, which holds a request while the file named by its Hold header exists."""
    from wsgi import application

    def hold(environ: dict[str, Any], start_response: Any) -> Any:
        while os.path.exists(environ.get("HTTP_HOLD", "")):
            time.sleep(0.01)
        return application(environ, start_response)

    return hold


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"REQUEST_TIMEOUT": "1", "CONNECTIONS_PER_ADDRESS": "60", "LOG_FORMAT": "json"}
    settings |= {"application": "tests.test_server:create_holding_app()"}
    settings |= {"HOST": "[::]"} if HAS_IPV6 else {}
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
            stack.enter_context(server.connect(sent))
        started = time.monotonic()
        assert server.get("/health/live")[0] == 200
        assert time.monotonic() - started < 0.5


def test_slow_requests_do_not_hold_up_probes(server: Server, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    request = f"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nHold: {hold}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        stack.callback(hold.unlink)
        held = [stack.enter_context(server.connect(request)) for _ in range(5)]
        assert server.get("/health/live")[0] == 200
        assert select.select(held, [], [], 0.1)[0] == []


def test_more_clients_than_file_descriptors_cost_no_worker(tmp_path: Path) -> None:
    settings = {"REQUEST_TIMEOUT": "1", "LOG_FORMAT": "json"}
    with (
        serving(tmp_path / "log", **settings) as server,
        contextlib.ExitStack() as stack,
    ):
        # Lowered once it runs: the worker has sized itself by the higher limit.
        resource.prlimit(server.worker, resource.RLIMIT_NOFILE, (100, 100))
        clients = [stack.enter_context(server.connect(GET)) for _ in range(120)]
        for client in clients:
            with client:
                assert client.recv(12) == b"HTTP/1.1 408"
        assert server.get("/health/live")[0] == 200
        assert len(server.ids("Booting worker")) == 1
        assert 1 <= len(server.ids("Out of file descriptors")) < 5


def test_a_request_has_a_deadline(server: Server) -> None:
    started = time.monotonic()
    with (
        server.connect(GET) as half_a_head,
        server.connect(GET + b"Content-Length: 9\r\n\r\nabc") as half_a_body,
        server.connect() as silent,
    ):
        status, headers, body = receive(half_a_head)
        assert (status, headers["Content-Type"]) == (408, "application/problem+json")
        assert json.loads(body)["request_id"] == headers["X-Request-ID"]
        assert receive(half_a_body)[0] == 408
        assert silent.recv(1) == b""
    assert 0.9 < time.monotonic() - started < 4


def test_an_announced_body_takes_no_thread(server: Server) -> None:
    announced = [
        b"Content-Length: 99999999\r\n\r\n",
        b"Content-Length: " + b"0" * 30 + b"9\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 12_000,
    ]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect(GET + sent)) for sent in announced]
        assert [receive(client)[0] for client in clients] == [408] * len(announced)


def test_the_framing_of_chunks_is_limited(server: Server) -> None:
    chunked = GET + b"Transfer-Encoding: chunked\r\n\r\n"
    assert server.send(chunked + b"1\r\nx\r\n" * 30_000)[0] == 400
    assert server.send(chunked + b"f" * 40 + b"\r\n")[0] == 400
    assert server.send(chunked + b"3e8\r\n%b\r\n" % (b"x" * 1000) * 66)[0] == 200


def test_the_connections_of_an_address_are_limited(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(server.connect()) for _ in range(70)]
        wait_until(lambda: len(select.select(held, [], [], 0)[0]) >= 10, seconds=0.9)
        closed = select.select(held, [], [], 0)[0]
        assert len(closed) <= 12
        assert {client.recv(1) for client in closed} == {b""}

    def is_served() -> bool:
        with contextlib.suppress(ConnectionError), server.connect(GET + b"\r\n") as client:
            return client.recv(12) == b"HTTP/1.1 200"
        return False

    wait_until(is_served)


def test_requests_arrive_in_any_pieces(server: Server) -> None:
    request = GET + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    request += b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-After: 1\r\n\r\n"
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            client.send(bytes([byte]))
        assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_pipelined_requests_share_a_connection(server: Server) -> None:
    with server.connect((GET + b"\r\n") * 2 + GET + b"Connection: close\r\n\r\n") as client:
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 3


def test_expect_100_continue_is_answered(server: Server) -> None:
    with server.connect(GET + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n") as client:
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
def test_gunicorns_own_errors_are_problems(server: Server, message: bytes) -> None:
    status, headers, body = server.send(message)
    assert 400 <= status < 500 or status == 501
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    problem = json.loads(body)
    assert (problem["status"], problem["request_id"]) == (status, headers["X-Request-ID"])


def test_responses_have_no_server_header(server: Server) -> None:
    _, headers, _ = server.get("/health/live")
    assert "Server" not in headers


def test_each_error_of_gunicorn_is_logged_with_its_own_request_id(server: Server) -> None:
    ids = [server.send(b"get / HTTP/1.1\r\n\r\n")[1]["X-Request-ID"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert [server.ids("Invalid request")[-2:]] == [ids]


def test_master_and_worker_log_different_ids(server: Server) -> None:
    (master,) = server.ids("Listening at")
    (worker,) = server.ids("Booting worker")
    assert master != worker


@pytest.mark.parametrize(
    "chunks", [b"0x2\r\nab\r\n0\r\n\r\n", b"-2\r\nab\r\n0\r\n\r\n", b"2\r\nabc\r\n0\r\n\r\n"]
)
def test_malformed_chunks_that_no_view_reads_are_answered_once(
    server: Server, chunks: bytes
) -> None:
    assert server.send(CHUNKED.replace(b"Connection: close\r\n", b"") + chunks)[0] == 405


def test_headers_cannot_set_the_script_name_path_or_scheme(server: Server) -> None:
    for header in ("SCRIPT_NAME: /zzz", "SCRIPT_NAME: /health", "PATH_INFO: /nowhere"):
        assert server.get("/health/live", header)[0] == 200
    contradictory = ("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off")
    assert server.get("/health/live", *contradictory)[0] == 200


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
def test_ipv6_and_ipv4_are_served_on_one_socket(server: Server) -> None:
    port = server.address[1]
    assert f"Listening at: http://[::]:{port} " in server.log.read_text()
    for address in ("127.0.0.1", "::1"):
        with socket.create_connection((address, port), timeout=10) as client:
            client.sendall(GET + b"Connection: close\r\n\r\n")
            assert receive(client)[0] == 200
    # By its IPv4 address, so that limits tell such clients apart.
    assert server.send(b"get / HTTP/1.1\r\n\r\n")[0] == 400
    assert "Invalid request from ip=127.0.0.1:" in server.log.read_text()


def test_connections_leave_file_descriptors_for_other_uses(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        server = stack.enter_context(serving(tmp_path / "log", CONNECTIONS_PER_ADDRESS="0"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        files = Path(f"/proc/{server.worker}/fd")
        with contextlib.ExitStack() as held:
            for _ in range(300):
                held.enter_context(server.connect())
            wait_until(lambda: len(list(files.iterdir())) > 100)
            time.sleep(0.1)  # in which a worker without a limit would accept them all
            assert len(list(files.iterdir())) < 160
        assert server.get("/health/live")[0] == 200
        assert "Exception in worker" not in server.log.read_text()


def test_it_survives_a_reload_of_invalid_settings_and_drains_before_it_stops(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x" * 40)
    with serving(tmp_path / "log", DRAIN_SECONDS="1", SECRET_KEY_FILE=str(secret)) as server:
        secret.unlink()
        server.process.send_signal(signal.SIGHUP)
        server.wait_for(r"(Invalid testing configuration)")
        server.wait_for(rf"Booting worker with pid: (?!{server.worker}\b)(\d+)")
        wait_until(lambda: server.get("/health/live")[0] == 200)

        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.get("/health/ready")[0] == 503)
        assert server.get("/health/ready")[1]["Connection"] == "close"
        assert server.get("/health/live")[0] == 200
        assert server.process.wait(10) == 0
        with pytest.raises(ConnectionRefusedError):
            server.connect()
