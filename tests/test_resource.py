"""`make resource` writes what passes the service's own checks at once, for every type of field."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests import harness, servers

ALL_TYPES = (
    "number:str(40)! label:str? short:str(1) note:text? report:text(500) amount:int! count:int? paid:bool"
    " settled:bool? total:money discount:money? due:date! until:date? sent:datetime seen:datetime? ref:uuid!"
    " parent:uuid?"
)
SERVICES = [
    pytest.param(harness.default(), id="default"),
    pytest.param(harness.smallest(), id="smallest"),
    pytest.param(harness.default(auth="none", tracing="none"), id="no auth", marks=pytest.mark.proof),
    pytest.param(harness.default(auth="session", example=False), id="no example", marks=pytest.mark.proof),
    pytest.param(harness.default(database="none"), id="no database", marks=pytest.mark.proof),
]
DATABASE_URLS = {"postgresql": "POSTGRESQL_URL", "mysql": "MYSQL_URL"}


def make(folder: Path, **variables: str):
    """Run `make resource` as its owner does, in the environment of this suite."""
    (folder / ".venv").symlink_to(servers.BIN.parent)
    installed = folder / ".venv" / "installed"
    try:
        given = [f"{name}={value}" for name, value in variables.items()]
        return servers.run(folder, "make", "resource", "-o", ".venv/installed", *given, RUFF_NO_CACHE="true")
    finally:
        (folder / ".venv").unlink()
        assert not installed.exists()


def service(answers, folder: Path) -> Path:
    return harness.write(harness.render(answers), folder)


def checked(folder: Path, *tests: str, **settings: str) -> None:
    """Lint, types and the tests, as `make lint test` runs them."""
    for command in (
        ("ruff", "check", "--no-cache", "."),
        ("ruff", "format", "--check", "--no-cache", "."),
        ("mypy", "--cache-dir", os.devnull),
        ("pytest", "-q", "-p", "no:cacheprovider", *tests),
    ):
        result = servers.run(folder, *command, **settings)
        assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    assert "skipped" not in result.stdout


@pytest.mark.parametrize("answers", SERVICES)
def test_a_resource_of_every_type_is_clean_and_works(answers, tmp_path):
    folder = service(answers, tmp_path / "service")
    before = harness.read(folder)
    stored = answers["database"] != "none"
    made = make(folder, NAME="credit_notes", FIELDS=ALL_TYPES if stored else ALL_TYPES.replace("!", ""))
    assert made.returncode == 0, made.stderr
    after = harness.read(folder)
    changed = {name for name, content in after.items() if before.get(name) != content}
    changed = {name for name in changed if "__pycache__" not in name}
    own = ("app/credit_notes/", "tests/credit_notes/", "migrations/versions/")
    assert {name for name in changed if not name.startswith(own)} == {"app/resources.py"}
    assert before.keys() <= after.keys()
    written = re.findall(r"^  (\S+)$", made.stdout, re.MULTILINE)
    assert set(written) == changed
    tests = ["tests/credit_notes", "tests/test_contract.py", "tests/test_docs.py"]
    if stored:
        tests += ["tests/database/test_migrations.py"]
    checked(folder, *tests)


@pytest.mark.proof
@pytest.mark.parametrize("database", DATABASE_URLS)
def test_a_resource_works_on_the_real_database(database, tmp_path):
    if DATABASE_URLS[database] not in os.environ:
        pytest.skip(f"{DATABASE_URLS[database]} does not say where a server is")
    folder = service(harness.default(database=database, auth="session"), tmp_path / "service")
    for name in ("credit_notes", "parcels"):
        made = make(folder, NAME=name, FIELDS=ALL_TYPES)
        assert made.returncode == 0, made.stderr
    with servers.database(os.environ[DATABASE_URLS[database]]) as url:
        tests = ["tests/credit_notes", "tests/parcels", "tests/test_contract.py"]
        checked(folder, *tests, "tests/database/test_migrations.py", TEST_DATABASE_URL=url)


FAULTS = {
    "no fields": ("invoices", "", "Name its fields"),
    "no name": ("", "a:int", "has no regular singular"),
    "an unknown type": ("invoices", "a:float", "the types are"),
    "no type": ("invoices", "a", "is not a field"),
    "a name twice": ("invoices", "a:int a:str", "named twice"),
    "a name of every resource": ("invoices", "id:uuid", "reserved"),
    "a word of Python": ("invoices", "class:str", "reserved"),
    "a type's own name": ("invoices", "date:date", "reserved"),
    "too long": ("invoices", "a:str(501)", "the length is"),
    "of no length": ("invoices", "a:str(0)", "the length is"),
    "a length of a number": ("invoices", "a:int(3)", "has no length"),
    "unique and not stored": ("invoices", "a:str!", "stores nothing"),
    "too many": ("invoices", " ".join(f"a{number}:int" for number in range(41)), "at most 40"),
    "a module that exists": ("health", "a:int", "has no regular singular"),
    "a singular": ("people", "a:int", "set ONE"),
    "upper case": ("Invoices", "a:int", "is not a name"),
    "a path": ("../invoices", "a:int", "is not a name"),
    "a model's own name": ("texts", "a:int", "reserved"),
    "a name within": ("values", "a:int", "reserved"),
}


@pytest.fixture(scope="module")
def smallest(tmp_path_factory):
    return service(harness.smallest(), tmp_path_factory.mktemp("faults") / "service")


@pytest.mark.parametrize(("name", "fields", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_written_is_told_in_one_line(name, fields, said, smallest):
    before = harness.read(smallest)
    made = servers.run(smallest, "python", "-B", "tools/resource", name, fields)
    assert (made.returncode, made.stdout) == (2, "")
    (line,) = made.stderr.splitlines()
    assert said in line
    assert harness.read(smallest) == before


def test_nothing_of_the_owners_is_overwritten(smallest, tmp_path):
    folder = shutil.copytree(smallest, tmp_path / "service")
    assert make(folder, NAME="people", FIELDS="a:int", ONE="person").returncode == 0
    kept = (folder / "app" / "people" / "routes.py").read_bytes()
    again = make(folder, NAME="people", FIELDS="b:int", ONE="person")
    assert "app/people exists" in again.stderr
    assert (folder / "app" / "people" / "routes.py").read_bytes() == kept
    (folder / "app" / "resources.py").write_text("RESOURCES = make_them()\n")
    other = make(folder, NAME="parcels", FIELDS="a:int")
    assert "has no line" in other.stderr
    assert not (folder / "app" / "parcels").exists()
