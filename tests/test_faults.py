"""Killed workers, a restarted database, a restarted server: no order is lost, none doubled.

PostgreSQL is this test's own, from the binaries that POSTGRESQL_BIN or `pg_config --bindir` names.
"""

import contextlib
import http.client
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from tests import contract, harness, servers
from tests.provider import Provider

pytestmark = pytest.mark.proof

CLIENTS = 32
SECONDS = float(os.environ.get("FAULT_SECONDS", "25"))


def postgresql_binaries() -> Path | None:
    """Where initdb and pg_ctl are."""
    if "POSTGRESQL_BIN" in os.environ:
        return Path(os.environ["POSTGRESQL_BIN"])
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


BINARIES = postgresql_binaries()


class Postgresql:
    """A server of its own, to be restarted at will."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = servers.free_port()
        # It refuses to run as root.
        self.user = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        )
        if self.user:
            shutil.chown(folder, "postgres", "postgres")
        self.run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "-D", str(folder / "data"))
        self.control("start")

    def run(self, program: str, *arguments: str) -> None:
        command = [*self.user, str(BINARIES / program), *arguments]
        subprocess.run(
            command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def control(self, action: str) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200"
        )
        wait = ["-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"), "-o", options]
        self.run("pg_ctl", action, *wait, *(["-m", "fast"] if action != "start" else []))

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"


@pytest.fixture
def postgresql() -> Iterator[Postgresql]:
    # Not under pytest's own folder: another user must be able to reach it.
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o755)
    server = Postgresql(folder)
    yield server
    with contextlib.suppress(subprocess.CalledProcessError):
        server.control("stop")
    shutil.rmtree(folder, ignore_errors=True)


class Client(threading.Thread):
    """Places one order after another, each with a key, and asks again until it is acknowledged."""

    def __init__(self, port: int, proof: dict[str, str], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port, self.proof, self.stop = port, proof, stop
        self.requests = 0
        self.asked: set[str] = set()
        self.acknowledged: dict[str, str] = {}
        self.wrong: list[contract.Answer] = []

    def run(self) -> None:
        while not self.stop.is_set():
            key = uuid.uuid4().hex
            self.asked.add(key)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not self.ask(key):
                time.sleep(0.1)

    def ask(self, key: str) -> bool:
        self.requests += 1
        body = {**contract.ORDER, "reference": key}
        try:
            headers = {**self.proof, "Idempotency-Key": key}
            answer = servers.request(self.port, "POST", "/orders/", body, headers=headers)
        except (OSError, http.client.HTTPException):  # refused, reset, or cut off in mid-response
            return False
        if answer.status == 201:
            self.acknowledged[key] = answer.json["id"]
            return True
        if answer.status not in (409, 503):
            self.wrong.append(answer)
            return True
        return False


@pytest.mark.skipif(BINARIES is None, reason="no PostgreSQL binaries: POSTGRESQL_BIN names none")
def test_no_order_is_lost_and_none_is_doubled(postgresql, tmp_path, record_property):
    answers = harness.default()
    folder = harness.write(harness.render(answers), tmp_path / "service")
    provider = Provider()
    settings = {"DATABASE_URL": postgresql.url, "PAYMENTS_URL": provider.url, "WEB_CONCURRENCY": "4"}
    assert servers.run(folder, "flask", "db", "upgrade", **settings).returncode == 0
    stop = threading.Event()
    faults = {"workers killed": 0, "PostgreSQL restarted": 0, "gunicorn restarted": 0}
    chance = random.Random(727)

    with servers.serving(folder, tmp_path / "log", **settings) as first:
        port = first.port
        proof = first.sign_in()
        clients = [Client(port, proof, stop) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        kill_workers(first, SECONDS / 3, chance, faults)
        postgresql.control("restart")
        faults["PostgreSQL restarted"] += 1
        kill_workers(first, SECONDS / 3, chance, faults)
        assert first.stop() == 0
    with servers.serving(folder, tmp_path / "log2", **settings, PORT=str(port)) as second:
        faults["gunicorn restarted"] += 1
        kill_workers(second, SECONDS / 3, chance, faults)
        stop.set()
        for client in clients:
            client.join(90)
            assert not client.is_alive()
        assert second.stop() == 0
    assert servers.run(folder, "flask", "orders", "settle", "--older-than=0", **settings).returncode == 0

    engine = sqlalchemy.create_engine(postgresql.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        rows = connection.execute(
            sqlalchemy.text("SELECT id, reference, status, charge_id FROM orders")
        ).all()
    engine.dispose()

    asked = set().union(*(client.asked for client in clients))
    acknowledged = {key: order for client in clients for key, order in client.acknowledged.items()}
    stored = {str(row.id): row for row in rows}
    keys = [row.reference for row in rows]
    lost = [
        key for key, order in acknowledged.items() if order not in stored or stored[order].reference != key
    ]
    doubled = [key for key in set(keys) if keys.count(key) > 1]
    record_property(
        "summary",
        f"Faults: {', '.join(f'{count} {what}' for what, count in faults.items())}."
        f" Requests {sum(client.requests for client in clients)}, acknowledged {len(acknowledged)},"
        f" stored {len(rows)}, lost {len(lost)}, doubled {len(doubled)}.",
    )
    assert [answer for client in clients for answer in client.wrong] == []
    assert faults["workers killed"] > 5
    assert len(acknowledged) > 100
    assert lost == []
    assert doubled == []
    assert set(keys) <= asked
    # Every charge has exactly one order, and every paid order exactly one charge.
    assert {order: charges[0] for order, charges in provider.charges.items()} == {
        str(row.id): row.charge_id for row in rows if row.status == "paid"
    }
    assert all(len(charges) == 1 for charges in provider.charges.values())
    assert {row.status for row in rows} == {"paid"}


def kill_workers(
    server: servers.Server, seconds: float, chance: random.Random, faults: dict[str, int]
) -> None:
    """SIGKILL a worker about once a second."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(chance.uniform(0.3, 1.2))
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(chance.choice(server.workers()), signal.SIGKILL)
            faults["workers killed"] += 1
