"""Services run for real: gunicorn, its routes, its stop, and their own suites; any two answers meet in them."""

import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import contract, harness, servers

DEFAULT, SMALLEST = harness.default(), harness.smallest()
# Any two answers meet in these. Two of them are of `make test`.
SAMPLE = [
    DEFAULT,
    SMALLEST,
    *(
        pytest.param(answers, marks=pytest.mark.proof)
        for answers in harness.applications(2)
        if answers not in (DEFAULT, SMALLEST)
    ),
]
WITH_DATABASE = [answers for answers in harness.applications(2) if answers["database"] != "none"]

# Where a real server of each database is, for this machine to say.
DATABASE_URLS = {"postgresql": "POSTGRESQL_URL", "mysql": "MYSQL_URL"}


@pytest.fixture
def service(request, tmp_path):
    folder = harness.write(harness.render(request.param), tmp_path / "service")
    return folder, request.param


def has_database(answers) -> bool:
    return answers["database"] != "none"


@pytest.mark.parametrize("service", SAMPLE, ids=harness.behavior_label, indirect=True)
def test_gunicorn_serves_every_route_and_stops_cleanly(service, tmp_path):
    folder, answers = service
    if has_database(answers):
        migrated = servers.run(folder, "flask", "db", "upgrade")
        assert migrated.returncode == 0, migrated.stderr
    home = tmp_path / "home"
    home.mkdir()
    with servers.serving(folder, tmp_path / "log", HOME=str(home)) as server:
        proof = server.sign_in()
        server.headers = {}
        asked = contract.check(server.ask, proof)
        code = server.stop()
    log = server.log.read_text()
    assert asked > 6
    assert code == 0, log
    assert "Traceback" not in log
    assert list(home.iterdir()) == [], "a stray control socket"


@pytest.mark.proof
@pytest.mark.parametrize("service", WITH_DATABASE, ids=harness.behavior_label, indirect=True)
def test_it_boots_and_stays_live_with_its_database_away(service, tmp_path):
    folder, answers = service
    away = f"{answers['database']}://user:password@127.0.0.1:{servers.free_port()}/service"
    settings = {**servers.production(folder), "DATABASE_URL": away}
    with servers.serving(folder, tmp_path / "log", **settings) as server:
        assert server.ask("GET", "/health/live").status == 200
        ready = server.ask("GET", "/health/ready")
        assert (ready.status, ready.json["status"]) == (503, "unhealthy")
        unusable = []
        if answers["example"] and answers["auth"] == "none":
            unusable.append(server.ask("POST", "/orders/", contract.ORDER))
        if answers["auth"] != "none":
            unusable.append(server.ask("POST", "/auth/login", contract.ACCOUNT))
        for refused in unusable:
            assert (refused.status, refused.headers["Content-Type"]) == (503, "application/problem+json")
            assert int(refused.headers["Retry-After"]) > 0
        assert server.stop() == 0


@pytest.mark.parametrize("service", SAMPLE, ids=harness.behavior_label, indirect=True)
def test_its_own_suite_passes(service):
    folder, _ = service
    result = servers.run(folder, "pytest", "-q", "-p", "no:cacheprovider")
    assert result.returncode == 0, result.stdout[-5000:]


@pytest.mark.proof
@pytest.mark.parametrize("service", WITH_DATABASE, ids=harness.behavior_label, indirect=True)
def test_its_own_tests_of_data_pass_on_the_real_database(service, tmp_path):
    folder, answers = service
    variable = DATABASE_URLS[answers["database"]]
    if variable not in os.environ:
        pytest.skip(f"{variable} does not say where a server is")
    folders = [name for name in ("tests/auth", "tests/database", "tests/orders") if (folder / name).exists()]
    with servers.database(os.environ[variable]) as url:
        result = servers.run(
            folder, "pytest", "-q", "-p", "no:cacheprovider", *folders, TEST_DATABASE_URL=url
        )
    assert result.returncode == 0, result.stdout[-5000:]


@pytest.mark.proof
@pytest.mark.skipif("WITH_PYTHON" not in os.environ, reason="WITH_PYTHON names no command")
@pytest.mark.parametrize("version", ["3.14", "3.15"])
def test_the_default_services_own_suite_passes_on_python(version, default_service, tmp_path):
    """Set up by its own Makefile: WITH_PYTHON VERSION COMMAND... runs a command on another Python."""
    folder = shutil.copytree(default_service, tmp_path / "service")
    result = servers.run(folder, os.environ["WITH_PYTHON"], version, "make", "test")
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    assert " passed" in result.stdout
    assert " failed" not in result.stdout


@pytest.fixture(scope="module")
def default_service(tmp_path_factory):
    return harness.write(harness.render(harness.default()), tmp_path_factory.mktemp("default") / "service")


@pytest.mark.proof
def test_production_without_secrets_does_not_start(default_service):
    result = servers.run(default_service, "gunicorn", "wsgi:application", APP_ENV="production")
    assert result.returncode != 0
    (line,) = result.stderr.strip().splitlines()
    required = set(servers.production(default_service)) - {"APP_ENV"}
    assert {"SECRET_KEY", "DATABASE_URL"} <= required
    assert all(f"{variable}: " in line for variable in required)


@pytest.mark.proof
def test_the_flask_command_says_the_same(default_service):
    result = servers.run(default_service, "flask", "db", "upgrade", APP_ENV="production")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "SECRET_KEY" in result.stderr


@pytest.mark.proof
def test_a_wrong_port_is_one_line(default_service):
    result = servers.run(default_service, "gunicorn", "wsgi:application", PORT="80a")
    assert result.returncode != 0
    (line,) = result.stderr.strip().splitlines()
    assert "PORT" in line


@pytest.mark.proof
def test_a_request_in_flight_is_finished_before_it_stops(default_service, tmp_path):
    folder = shutil.copytree(default_service, tmp_path / "service")
    (folder / "slow.py").write_text(
        "import time\nfrom wsgi import application\n"
        "@application.get('/slow')\ndef slow():\n    time.sleep(2)\n    return {'done': True}\n"
    )
    answers = []
    with servers.serving(folder, tmp_path / "log", "slow:application") as server:
        asking = threading.Thread(target=lambda: answers.append(server.ask("GET", "/slow")))
        asking.start()
        time.sleep(0.5)
        assert server.stop() == 0
        asking.join()
    assert answers[0].json == {"done": True}


@pytest.mark.proof
@pytest.mark.parametrize("database", DATABASE_URLS)
def test_replicas_that_migrate_at_once_do_not_collide(database, tmp_path):
    variable = DATABASE_URLS[database]
    if variable not in os.environ:
        pytest.skip(f"{variable} does not say where a server is")
    folder = harness.write(harness.render(harness.default(database=database)), tmp_path / "service")
    revision = folder / "migrations" / "template" / "0001_create_orders.py"
    slow = revision.read_text().replace("def upgrade() -> None:", "def upgrade() -> None:\n    sleep(5)")
    revision.write_text(slow.replace("import sqlalchemy", "from time import sleep\nimport sqlalchemy"))
    with servers.database(os.environ[variable]) as url, ThreadPoolExecutor(4) as replicas:
        upgrades = [
            replicas.submit(servers.run, folder, "flask", "db", "upgrade", DATABASE_URL=url) for _ in range(4)
        ]
        for upgrade in upgrades:
            assert upgrade.result().returncode == 0, upgrade.result().stderr


MODEL = """

class Note(Model):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(80), index=True)
    price: Mapped[Decimal] = mapped_column(Money)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
"""


@pytest.mark.proof
def test_a_new_revision_is_clean_and_works(default_service, tmp_path):
    folder = shutil.copytree(default_service, tmp_path / "service")
    assert servers.run(folder, "flask", "db", "upgrade").returncode == 0
    unchanged = servers.run(folder, "flask", "db", "migrate", "-m", "nothing")
    assert "no revision is needed" in unchanged.stdout

    with (folder / "app" / "orders" / "models.py").open("a") as models:
        models.write(MODEL)
    migrated = servers.run(folder, "flask", "db", "migrate", "-m", "add notes")
    assert migrated.returncode == 0, migrated.stderr
    revisions = [path.name for path in (folder / "migrations" / "versions").glob("*.py")]
    assert [name.split("_", 1)[1] for name in revisions] == ["add_notes.py"]
    for command in (
        ["ruff", "check", "--no-cache", "."],
        ["ruff", "format", "--check", "--no-cache", "."],
        ["flask", "db", "upgrade"],
        ["flask", "db", "check"],
        ["flask", "db", "downgrade", "base"],
    ):
        result = servers.run(folder, *command)
        assert result.returncode == 0, result.stdout + result.stderr

    # Of a database that can alter its tables: where there is one to read, SQLite's are copied instead.
    url = "postgresql://service:development@127.0.0.1/service"
    written = servers.run(folder, "flask", "db", "upgrade", "--sql", DATABASE_URL=url)
    assert written.returncode == 0, written.stderr
    assert written.stdout.index("CREATE TABLE orders") < written.stdout.index("CREATE TABLE notes")
