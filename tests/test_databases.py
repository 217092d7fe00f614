"""What a service does on real servers: PostgreSQL, MariaDB or MySQL, and PgBouncer before PostgreSQL."""

import os
import subprocess
import sys

import pytest

from tests import harness, servers
from tests.test_services import DATABASE_URLS

pytestmark = pytest.mark.slow


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
from app.auth.users import accounts
from app.auth.{package} import service

app = create_app()
accounts.verify_password = lambda *_: True
accounts.needs_rehash = lambda *_: False

def log_in(email):
    with app.test_request_context():
        try:
            service.log_in(accounts.check_credentials(email, "any", address="10.0.0.1"))
        except DBAPIError as error:
            return str(error.orig)

with app.app_context():
    accounts.create_user("ada@example.com", "correct horse battery staple", "")
    accounts.create_user("eve@example.com", "correct horse battery staple", "")
with ThreadPoolExecutor(8) as threads:
    outcomes = Counter(threads.map(log_in, ["ada@example.com", "eve@example.com"] * 150))
print(outcomes)
assert outcomes == {{None: 300}}
"""


@pytest.mark.parametrize("database", DATABASE_URLS)
@pytest.mark.parametrize(("auth", "package"), [("jwt", "issuer"), ("session", "session")])
def test_parallel_logins_do_not_fail(database, auth, package, tmp_path):
    folder = write_service(tmp_path, database=database, auth=auth)
    with servers.database(server_url(database)) as url:
        settings = {"DATABASE_URL": url, "WEB_THREADS": "8"}
        flask(folder, "db", "upgrade", **settings)
        script = LOGINS.format(package=package)
        result = servers.run(folder, sys.executable, "-c", script, **settings)
    assert result.returncode == 0, result.stdout + result.stderr
