"""What a service does on real servers: PostgreSQL, MariaDB or MySQL, and PgBouncer before PostgreSQL."""

import contextlib
import os
import pwd
import select
import shutil
import socket
import socketserver
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from tests import contract, harness, servers
from tests.test_services import DATABASE_URLS

pytestmark = pytest.mark.proof


def server_url(database: str) -> str:
    """Where a real server is; skips where the environment names none."""
    variable = DATABASE_URLS[database]
    if variable not in os.environ:
        pytest.skip(f"{variable} does not say where a server is")
    return os.environ[variable]


def write_service(folder, **answers):
    return harness.write(harness.render(harness.default(**answers)), folder / "service")


def flask(folder, *command, **settings) -> subprocess.CompletedProcess:
    result = servers.run(folder, "flask", *command, **settings)
    assert result.returncode == 0, result.stdout + result.stderr
    return result


# Without the time that hashing takes, which spreads the logins out.
LOGINS = """
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from sqlalchemy.exc import DBAPIError
from app import create_app
from app.auth import logins, users

app = create_app()
users.is_correct_password = lambda *_: True
users.needs_rehash = lambda *_: False

def log_in(email):
    with app.test_request_context():
        try:
            logins.log_in(users.authenticate_user(email, "any", address="10.0.0.1"))
        except DBAPIError as error:
            return str(error.orig)

with app.app_context():
    users.create_user("ada@example.com", "correct horse battery staple", "")
    users.create_user("eve@example.com", "correct horse battery staple", "")
with ThreadPoolExecutor(8) as threads:
    outcomes = Counter(threads.map(log_in, ["ada@example.com", "eve@example.com"] * 150))
print(outcomes)
assert outcomes == {None: 300}
"""


@pytest.mark.parametrize("database", DATABASE_URLS)
@pytest.mark.parametrize("auth", ["jwt", "session"])
def test_parallel_logins_do_not_fail(database, auth, tmp_path):
    folder = write_service(tmp_path, database=database, auth=auth)
    with servers.database(server_url(database)) as url:
        settings = {"DATABASE_URL": url, "WEB_THREADS": "8"}
        flask(folder, "db", "upgrade", **settings)
        result = servers.run(folder, sys.executable, "-c", LOGINS, **settings)
    assert result.returncode == 0, result.stdout + result.stderr


@contextlib.contextmanager
def database_that_is_away(how):
    """Yield a port on which nothing listens, or on which connections are accepted and never answered."""
    if how == "refused":
        yield servers.free_port()
        return
    accepted = []
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    accepted.append(listener.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    for connection in accepted:
        connection.close()


@pytest.mark.parametrize("database", DATABASE_URLS)
@pytest.mark.parametrize("how", ["refused", "hanging"])
def test_while_the_database_is_away_requests_fail_soon_and_liveness_is_quick(
    database, how, tmp_path, record_property
):
    folder = write_service(tmp_path, database=database, auth="none")

    def ask(path):
        began = time.monotonic()
        status = server.ask("GET", path).status
        return status, time.monotonic() - began

    with database_that_is_away(how) as port:
        url = f"{database}://user:password@127.0.0.1:{port}/service"
        settings = {"DATABASE_URL": url, "WEB_CONCURRENCY": "1", "WEB_THREADS": "4"}
        with (
            servers.serving(folder, tmp_path / "log", **settings) as server,
            ThreadPoolExecutor(24) as clients,
        ):
            first = list(clients.map(ask, ["/orders/"] * 24))
            later = [clients.submit(ask, "/orders/") for _ in range(200)]
            live = [ask("/health/live") for _ in range(20) if not time.sleep(0.2)]
            later = [answer.result() for answer in later]
    assert {status for status, _ in first + later} == {503}
    assert {status for status, _ in live} == {200}
    slowest = {"first": first, "later": later, "live": live}
    slowest = {name: max(seconds for _, seconds in answers) for name, answers in slowest.items()}
    record_property(
        "summary",
        f"{database} {how}: the slowest of 24 requests at once {slowest['first']:.1f} s, of 200 more"
        f" {slowest['later']:.1f} s, of the liveness probes meanwhile {slowest['live']:.2f} s.",
    )
    # One after another they would take 3 s for every 4 of them: 18 s, and 150 s.
    assert slowest["first"] < 7
    assert slowest["later"] < 7
    assert slowest["live"] < 2


class FreezingProxy(socketserver.ThreadingTCPServer):
    """Passes bytes on to a server, until a client asks for FREEZE: that connection is silent from then on."""

    daemon_threads = True

    def __init__(self, address):
        self.address = address
        super().__init__(("127.0.0.1", 0), FreezingHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class FreezingHandler(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.create_connection(self.server.address) as upstream, contextlib.suppress(OSError):
            while True:
                for readable in select.select([self.request, upstream], [], [])[0]:
                    received = readable.recv(65536)
                    if not received:
                        return
                    if b"FREEZE" in received:
                        time.sleep(60)
                    (upstream if readable is self.request else self.request).sendall(received)


FREEZE = """
import time
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from app import create_app
from app.database import db, dialect

dialect.ANSWER_TIMEOUT = 6
with create_app().app_context():
    # Longer than it may take to connect.
    db.session.execute(text("SELECT {sleep}(4)"))
    began = time.monotonic()
    try:
        db.session.execute(text("SELECT 'FREEZE'"))
    except OperationalError:
        print("failed")
    db.session.rollback()
    assert 5 < time.monotonic() - began < 12, time.monotonic() - began
    print("works" if db.session.scalar(text("SELECT 7")) == 7 else "")
"""


@pytest.mark.parametrize(
    ("database", "sleep", "options"),
    [("postgresql", "pg_sleep", ""), ("mysql", "sleep", "?read_timeout=6")],
)
def test_a_server_that_stops_answering_is_given_up(database, sleep, options, tmp_path):
    folder = write_service(tmp_path, database=database)
    url = sqlalchemy.make_url(server_url(database))
    with FreezingProxy((url.host, url.port)) as proxy:
        through = url.set(host="127.0.0.1", port=proxy.server_address[1])
        result = servers.run(
            folder,
            sys.executable,
            "-c",
            FREEZE.format(sleep=sleep),
            DATABASE_URL=through.render_as_string(hide_password=False) + options,
        )
        proxy.shutdown()
    assert result.stdout.split() == ["failed", "works"], result.stdout + result.stderr


LOCKS = {
    "postgresql": "SELECT pg_advisory_lock(727)",
    "mysql": "SELECT GET_LOCK(CONCAT('migrations.', SHA1(DATABASE())), 0)",
}
MIGRATE = """
import sys
from app import create_app
from app.database import migrations

migrations.LOCK_TIMEOUT = float(sys.argv[1])
result = create_app().test_cli_runner().invoke(args=["database", "migrate"])
print(result.output)
sys.exit(result.exit_code)
"""


@contextlib.contextmanager
def long_named_database(name):
    """Yield the URL of a database with a name as long as it may be."""
    server = sqlalchemy.make_url(server_url(name))
    drivers = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
    engine = sqlalchemy.create_engine(server.set(drivername=drivers[name]), isolation_level="AUTOCOMMIT")
    long = f"long_{os.getpid()}_".ljust(63, "x")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {long}"))
        try:
            yield server.set(database=long)
        finally:
            connection.execute(sqlalchemy.text(f"DROP DATABASE {long}"))
    engine.dispose()


@pytest.mark.parametrize("database", DATABASE_URLS)
def test_a_migration_that_does_not_get_its_lock_says_so(database, tmp_path):
    folder = write_service(tmp_path, database=database)
    drivers = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
    with long_named_database(database) as url:
        settings = {"DATABASE_URL": url.render_as_string(hide_password=False)}
        engine = sqlalchemy.create_engine(
            url.set(drivername=drivers[database]), poolclass=sqlalchemy.NullPool
        )
        with engine.connect() as holder:
            holder.execute(sqlalchemy.text(LOCKS[database]))
            refused = servers.run(folder, sys.executable, "-c", MIGRATE, "1", **settings)
            tables = sqlalchemy.inspect(engine).get_table_names()
        migrated = servers.run(folder, sys.executable, "-c", MIGRATE, "1", **settings)
    assert refused.returncode == 1
    assert "Another process has been migrating" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr
    assert tables == []
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr


def test_a_table_that_is_copied_takes_no_rows_along(tmp_path):
    """SQLite cannot alter a table: with foreign keys on, dropping the old one would cascade."""
    folder = write_service(tmp_path)
    later = [path for path in (folder / "migrations" / "template").iterdir() if path.name > "0003"]
    sources = {path: path.read_text() for path in later}
    for path in later:
        path.unlink()
    flask(folder, "database", "migrate")
    for path, source in sources.items():
        path.write_text(source)
    key = "0" * 32
    with contextlib.closing(sqlite3.connect(folder / "instance" / "development.sqlite3")) as connection:
        moment = "2026-01-01 00:00:00"
        connection.execute(
            "INSERT INTO orders (id, status, currency, total, created_at, updated_at, version)"
            f" VALUES ('{key}', 'paid', 'EUR', '1', '{moment}', '{moment}', 1)"
        )
        connection.execute(
            f"INSERT INTO order_items (order_id, sku, quantity, unit_price) VALUES ('{key}', 'TEA', 1, '1')"
        )
        connection.commit()
        flask(folder, "database", "migrate")
        assert connection.execute("SELECT count(*) FROM order_items").fetchone() == (1,)


PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextlib.contextmanager
def pgbouncer(folder, url):
    """Run PgBouncer in transaction pooling mode before a PostgreSQL; yield the URL through it."""
    server = sqlalchemy.make_url(url)
    port = servers.free_port()
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host={server.host} port={server.port or 5432} user={server.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n"
    )
    configuration.chmod(0o644)
    # It refuses to run as root.
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    process = subprocess.Popen(
        [PGBOUNCER, "-q", str(configuration)],
        **({"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}),
    )
    try:
        through = server.set(host="127.0.0.1", port=port)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield through.render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(10)


SHOW_TIMEOUT = """
from sqlalchemy import text
from app import create_app
from app.database import db

with create_app().app_context():
    print(db.session.scalar(text("SHOW statement_timeout")))
"""


def statement_timeout(folder, url: str) -> str:
    """The limit that a transaction of the service has."""
    result = servers.run(folder, sys.executable, "-c", SHOW_TIMEOUT, DATABASE_URL=url)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_a_statement_has_a_limit_unless_the_url_has_one(tmp_path):
    folder = write_service(tmp_path)
    url = server_url("postgresql")
    assert statement_timeout(folder, url) == "30s"
    assert statement_timeout(folder, f"{url}?options=-c%20statement_timeout%3D5s") == "5s"


@pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer")
def test_it_works_through_pgbouncer_in_transaction_mode(tmp_path):
    folder = write_service(tmp_path, auth="none")
    # Not under pytest's own folder: another user must be able to reach it.
    with servers.database(server_url("postgresql")) as url, tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        with pgbouncer(Path(temporary), url) as through:
            flask(folder, "database", "migrate", DATABASE_URL=through)
            with (
                servers.serving(folder, tmp_path / "log", DATABASE_URL=through) as server,
                ThreadPoolExecutor(12) as clients,
            ):
                placed = clients.map(lambda _: server.ask("POST", "/orders/", contract.ORDER), range(60))
                assert {answer.status for answer in placed} == {201}
                # The same statements again and again, which psycopg would prepare.
                listed = clients.map(lambda _: server.ask("GET", "/orders/"), range(120))
                assert {answer.status for answer in listed} == {200}
                assert server.ask("GET", "/health/ready").status == 200
            assert statement_timeout(folder, through) == "30s"
            # Nothing is left to others on the connections that they share: no limit, and no lock.
            flask(folder, "database", "migrate", DATABASE_URL=through)
            for _ in range(10):
                with psycopg.connect(through) as connection:
                    assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
            with psycopg.connect(url) as connection:
                held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                assert connection.execute(held).fetchone() == (0,)
        # PgBouncer's connections would keep the database from being dropped.
        time.sleep(0.5)
