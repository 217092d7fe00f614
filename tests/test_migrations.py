"""A service's own revisions beside the template's migrations: updates and other answers never get in their way."""

import contextlib
import datetime
import decimal
import re
import sys
import uuid
from pathlib import Path

import pytest
import sqlalchemy

from tests import harness, servers
from tests.test_autogeneration import scratch_database
from tests.test_databases import flask

DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.proof),
    pytest.param("mysql", marks=pytest.mark.proof),
]
DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}

# What a team adds: a model, and the revision that Flask-Migrate writes of it.
SHELVES = '''"""Shelves."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Model


class Shelf(Model):
    """A shelf."""

    __tablename__ = "shelves"

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(20), index=True)
'''
# What a later release of the template adds.
GIFTS = SHELVES.replace("Shelves", "Gifts").replace("Shelf", "Gift").replace("shelves", "gifts")
GIFT_MIGRATION = '''"""Create the table of gifts."""

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.create_table(
        "gifts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gifts")),
    )
    op.create_index(op.f("ix_gifts_label"), "gifts", ["label"])
'''
RELEASE = {"app/gifts.py": GIFTS, "migrations/template/9000_create_gifts.py": GIFT_MIGRATION}

# What a team runs after an update, in one process.
AFTER_UPDATE = """
import sys
from app import create_app

app = create_app()
for command in sys.argv[1:]:
    result = app.test_cli_runner().invoke(args=command.split())
    # Alembic prints past the runner.
    print(result.output, result.exit_code, sep="", end="\\f", flush=True)
print(app.test_client().get("/health/ready").get_json()["checks"]["migrations"], end="")
"""
COMMANDS = ("database migrate", "db heads", "db current", "db migrate -m nothing", "db check")


@contextlib.contextmanager
def empty_database(name, folder):
    """Yield the settings that name an empty database, outside the service, and an engine for it."""
    with scratch_database(name) as settings:
        settings = settings or {"DATABASE_URL": f"sqlite:///{folder / 'kept.sqlite3'}"}
        url = sqlalchemy.make_url(settings["DATABASE_URL"])
        engine = sqlalchemy.create_engine(
            url.set(drivername=DRIVERS.get(name, url.drivername)), poolclass=sqlalchemy.NullPool
        )
        yield settings, engine


def write(folder: Path, answers, revisions=None, release=None) -> Path:
    """Write the service of `answers` with the team's own files, in the place of what was there."""
    tree = {**harness.render(harness.default(**answers)), "app/shelves.py": SHELVES.encode()}
    tree |= {name: text.encode() for name, text in (release or {}).items()}
    imports = "\nimport app.shelves\n" + ("import app.gifts\n" if release else "")
    tree["app/resources.py"] += imports.encode()
    tree |= {f"migrations/versions/{name}": text for name, text in (revisions or {}).items()}
    for old in sorted(folder.rglob("*"), reverse=True) if folder.exists() else ():
        old.rmdir() if old.is_dir() else old.unlink()
    return harness.write(tree, folder)


def own_revisions(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "migrations" / "versions").glob("*.py")}


def value(column, number, rows):
    """A value for a column, from its type alone."""
    for key in column.foreign_keys:
        return rows[key.column.table.name][number][key.column.name]
    if column.primary_key and isinstance(column.type, sqlalchemy.Integer):
        return number + 1
    kind = column.type.python_type
    length = getattr(column.type, "length", None) or 80
    if kind is str and column.name == "email":
        return f"someone{number}@example.com"
    return {
        str: lambda: uuid.uuid4().hex if length >= 32 else str(number),
        uuid.UUID: uuid.uuid4,
        datetime.datetime: lambda: datetime.datetime(2026, 1, 1),
        decimal.Decimal: lambda: decimal.Decimal(1),
    }.get(kind, lambda: kind(1))()


def fill(engine) -> None:
    """Put rows into every table."""
    metadata = sqlalchemy.MetaData()
    metadata.reflect(engine)
    rows: dict[str, list] = {}
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table.name not in ("alembic_version", "template_migrations"):
                rows[table.name] = []
                for number in range(2):
                    rows[table.name].append({c.name: value(c, number, rows) for c in table.columns})
                connection.execute(table.insert(), rows[table.name])


def content(engine, columns=None) -> dict[str, list]:
    """The rows of every table; of the given columns if any."""
    metadata = sqlalchemy.MetaData()
    metadata.reflect(engine)
    found = {}
    with engine.connect() as connection:
        for name in columns or metadata.tables:
            if name not in ("alembic_version", "template_migrations"):
                table = metadata.tables[name]
                kept = columns[name] if columns else [column.name for column in table.columns]
                rows = connection.execute(sqlalchemy.select(*(table.c[column] for column in kept))).all()
                found[name] = kept, sorted(map(repr, rows))
    return found


def columns_of(kept) -> dict[str, list[str]]:
    return {name: columns for name, (columns, _) in kept.items()}


def assert_up_to_date(folder: Path, settings) -> dict[str, str]:
    """One command migrates, one head, ready, and nothing is left for autogeneration to do."""
    result = servers.run(folder, sys.executable, "-c", AFTER_UPDATE, *COMMANDS, **settings)
    assert result.returncode == 0, result.stderr
    *outputs, ready = result.stdout.split("\f")
    said = dict(zip(COMMANDS, outputs, strict=True))
    assert all(output.endswith("0") for output in outputs), said
    (head,) = re.findall(r"^\w+ \(head\)", said["db heads"], re.M)
    assert head in said["db current"]
    assert "no revision is needed" in said["db migrate -m nothing"]
    assert ready == "ok"
    return said


BASES = [
    {"auth": "jwt", "example": True},
    pytest.param({"auth": "none", "example": False}, marks=pytest.mark.proof),
    pytest.param({"auth": "session", "example": True}, marks=pytest.mark.proof),
]


def start(folder: Path, base, settings, engine) -> dict[str, bytes]:
    """A service with an own model and revision, and rows in every table; return its revisions."""
    write(folder, base)
    flask(folder, "db", "upgrade", **settings)
    flask(folder, "db", "migrate", "-m", "add shelves", **settings)
    flask(folder, "db", "upgrade", **settings)
    fill(engine)
    return own_revisions(folder)


def keep_server(database) -> str:
    return "mysql" if database == "mysql" else "postgresql"


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("base", BASES, ids=harness.label)
def test_own_revisions_and_rows_survive_releases_and_other_answers(base, database, tmp_path):
    base = {**base, "database": keep_server(database)}
    folder = tmp_path / "service"
    with empty_database(database, tmp_path) as (settings, engine):
        revisions = start(folder, base, settings, engine)
        assert len(revisions) == 1
        before = content(engine)
        assert all(len(rows) == 2 for _, rows in before.values())
        flips = [
            {**base, prompt: answer}
            for prompt in ("auth", "example")
            for answer in harness.choices()[prompt]
            if answer != base[prompt]
        ]
        for flipped in flips:
            for answers in (flipped, base):
                write(folder, answers, revisions)
                assert_up_to_date(folder, settings)
                assert content(engine, columns_of(before)) == before, answers
        write(folder, base, revisions, RELEASE)
        assert_up_to_date(folder, settings)
        assert "gifts" in content(engine)
        assert content(engine, columns_of(before)) == before


@pytest.mark.proof
@pytest.mark.parametrize("database", DATABASES)
def test_what_an_answer_leaves_is_dropped_only_when_it_is_asked_for_and_comes_back(database, tmp_path):
    base = {"database": keep_server(database)}
    off = {**base, "auth": "none"}
    names = ["login_attempts", "orders.owner_id", "token_families", "users"]
    arguments = [part for name in names for part in ("-x", f"drop={name}")]
    folder = tmp_path / "service"

    def on_a_new_database() -> None:
        (tmp_path / "new").mkdir()
        with empty_database(database, tmp_path / "new") as (settings, engine):
            assert_up_to_date(folder, settings)
            flask(folder, "db", "downgrade", "base", **settings)
            flask(folder, "db", "upgrade", **settings)
        for path in (tmp_path / "new").iterdir():
            path.unlink()
        (tmp_path / "new").rmdir()

    with empty_database(database, tmp_path) as (settings, engine):
        revisions = start(folder, base, settings, engine)
        before = content(engine)
        write(folder, off, revisions)
        said = assert_up_to_date(folder, settings)["db migrate -m nothing"]
        assert f"In no model, but left in the database: {', '.join(names)}.\n" in said
        assert f"flask db migrate {' '.join(arguments)}\n" in said
        wrong = servers.run(folder, "flask", "db", "migrate", "-x", "drop=orders", **settings)
        assert wrong.returncode == 1
        assert "Cannot drop orders: not in the database, or in a model." in wrong.stderr

        flask(folder, "db", "migrate", "-m", "drop users", *arguments, **settings)
        assert content(engine) == before
        for command in (["check"], ["format", "--check"]):
            clean = servers.run(folder, "ruff", *command, "--no-cache", "migrations")
            assert clean.returncode == 0, clean.stdout
        flask(folder, "db", "upgrade", **settings)
        after = content(engine)
        assert sorted(before.keys() - after.keys()) == ["login_attempts", "token_families", "users"]
        assert "owner_id" not in columns_of(after)["orders"]
        assert len(after["orders"][1]) == 2
        flask(folder, "db", "downgrade", **settings)
        assert {name: set(columns) for name, columns in columns_of(content(engine)).items()} == {
            name: set(columns) for name, columns in columns_of(before).items()
        }
        assert_up_to_date(folder, settings)
        on_a_new_database()

        # The piece comes back: its tables do by a revision, here and on a new database.
        write(folder, base, own_revisions(folder))
        flask(folder, "database", "migrate", **settings)
        flask(folder, "db", "migrate", "-m", "create users", **settings)
        assert_up_to_date(folder, settings)
        on_a_new_database()


@pytest.mark.proof
@pytest.mark.parametrize("database", DATABASES)
def test_a_database_that_lacks_a_migration_of_the_template_is_behind(database, tmp_path):
    base = {"database": keep_server(database)}
    folder = tmp_path / "service"
    with empty_database(database, tmp_path) as (settings, engine):
        revisions = start(folder, base, settings, engine)
        write(folder, base, revisions, RELEASE)
        refused = servers.run(folder, "flask", "db", "migrate", "-m", "early", **settings)
        assert refused.returncode == 1
        assert "Target database is not up to date." in refused.stderr
        # Only an upgrade applies anything.
        for command in (["current"], ["history"], ["stamp", "head"], ["downgrade"]):
            flask(folder, "db", *command, **settings)
        assert "gifts" not in content(engine)
        assert_up_to_date(folder, settings)
        # A release is rolled back: its database is ahead.
        write(folder, base, revisions)
        flask(folder, "database", "migrate", **settings)
        ready = "from app import create_app; print(create_app().test_client().get('/health/ready').status)"
        assert servers.run(folder, sys.executable, "-c", ready, **settings).stdout == "200 OK\n"


FAILING = (
    GIFT_MIGRATION
    + '    op.execute("INSERT INTO shelves VALUES (7, \'x\')")\n    raise RuntimeError("No more gifts.")\n'
)


@pytest.mark.proof
def test_a_migration_that_fails_is_not_recorded_and_can_be_applied_again(tmp_path):
    folder = tmp_path / "service"
    with empty_database("sqlite", tmp_path) as (settings, engine):
        revisions = start(folder, {}, settings, engine)
        write(folder, {}, revisions, {**RELEASE, "migrations/template/9000_create_gifts.py": FAILING})
        before = content(engine)
        failed = servers.run(folder, "flask", "database", "migrate", **settings)
        assert failed.returncode == 1
        assert "No more gifts." in failed.stderr
        assert content(engine)["shelves"] == before["shelves"]
        with engine.begin() as connection:
            names = connection.scalars(sqlalchemy.text("SELECT name FROM template_migrations")).all()
            connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS gifts"))
        assert "9000_create_gifts" not in names
        write(folder, {}, revisions, RELEASE)
        assert_up_to_date(folder, settings)
