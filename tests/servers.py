"""Running a service's real gunicorn, and asking it over HTTP."""

import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import sqlalchemy

from tests import contract

BIN = Path(sys.executable).parent


# Below the ports that the system hands out, and apart for each of the suite's parallel processes: a
# port stays free until its server, which may take its time to start, listens on it.
_worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
_ports = itertools.count(20_000 + 500 * (_worker % 20))


def free_port() -> int:
    """A port of this process's own on which nothing listens."""
    for port in _ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable")


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what would configure a service, and with `changes`."""
    unset = ("APP_ENV", "DATABASE_URL", "TEST_DATABASE_URL", "SECRET_KEY", "PORT", "HOST", "WEB_CONCURRENCY")
    unset += ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "TESTS")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **changes}


def exchange(
    port: int, method: str, path: str, content: str | bytes | None, headers: Mapping[str, str], timeout: float
) -> tuple[int, dict[str, str], bytes]:
    """Ask over HTTP; return the status, the headers and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, content, dict(headers))
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def request(
    port: int,
    method: str,
    path: str,
    body: object = None,
    *,
    timeout: float = 10,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> contract.Answer:
    """Ask over HTTP; bytes are sent as they are, anything else as JSON."""
    sent = {**headers, **({} if body is None else {"Content-Type": "application/json"})}
    content = body if body is None or isinstance(body, bytes) else json.dumps(body)
    status, received, text = exchange(port, method, path, content, sent, timeout)
    with contextlib.suppress(ValueError):
        return contract.Answer(status, received, json.loads(text))
    return contract.Answer(status, received, None)


def fetch(port: int, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> str:
    """The text that is found there; raises when it is not."""
    status, _, text = exchange(port, "GET", path, None, headers, timeout=10)
    assert status == 200, (path, status)
    return text.decode()


def production(folder: Path) -> dict[str, str]:
    """What production must be given, as .env.example says, with its sample values."""
    needed = {"APP_ENV": "production"}
    for paragraph in (folder / ".env.example").read_text().split("\n\n"):
        if "Required in production" in paragraph:
            needed |= {
                name: value or "x" * 40 for name, value in re.findall(r"^#(\w+)=(.*)$", paragraph, re.M)
            }
    return needed


class Server:
    """A running gunicorn; its output is in `log`."""

    def __init__(self, folder: Path, log: Path, target: str, **settings: str) -> None:
        self.port = int(settings.pop("PORT", 0)) or free_port()
        self.log = log
        self.folder = folder
        self.settings = settings
        # Of each request that is made by `ask`.
        self.headers: dict[str, str] = {}
        if settings.get("APP_ENV") == "production":
            settings.setdefault("METRICS_PORT", str(free_port()))
            settings.setdefault("DRAIN_SECONDS", "0")
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["gunicorn", target],
                cwd=folder,
                env=environment(PORT=str(self.port), **settings),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> contract.Answer:
        return request(self.port, method, path, body, headers={**self.headers, **headers})

    def sign_in(self, account: dict[str, str] = contract.ACCOUNT) -> dict[str, str]:
        """Ask as somebody who may do everything from now on; return the headers that prove it."""
        self.headers = {}
        self.headers = contract.sign_in(self.ask, self.flask, account)
        return self.headers

    def flask(self, arguments: list[str], more: dict[str, str]) -> str:
        """Run a command of the service, with the server's settings."""
        untraced = {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}
        result = run(self.folder, "flask", *arguments, **{**self.settings, **more, **untraced})
        assert result.returncode == 0, result.stderr
        return result.stdout

    def workers(self) -> list[int]:
        """The processes that serve."""
        master = self.process.pid
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]

    def wait(self, seconds: float = 60, path: str = "/health/live") -> None:
        """Wait until it answers; raises with its output when it does not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if self.ask("GET", path).status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextlib.contextmanager
def serving(folder: Path, log: Path, target: str = "wsgi:application", **settings: str) -> Iterator[Server]:
    """Serve `folder` and wait until it answers; whatever happens, nothing is left running."""
    server = Server(folder, log, target, **settings)
    try:
        server.wait()
        yield server
    finally:
        server.process.kill()
        server.process.wait()


@contextlib.contextmanager
def database(server_url: str) -> Iterator[str]:
    """Make an empty database on the server; yield its URL; drop it."""
    drivers = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
    url = sqlalchemy.make_url(server_url)
    engine = sqlalchemy.create_engine(
        url.set(drivername=drivers[url.drivername]), isolation_level="AUTOCOMMIT"
    )
    name = f"template_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"DROP DATABASE {name}"))
        engine.dispose()


def run(folder: Path, *command: str, **settings: str) -> subprocess.CompletedProcess:
    """Run a command of the service in the shared virtual environment."""
    return subprocess.run(
        command, cwd=folder, env=environment(**settings), capture_output=True, text=True, check=False
    )
