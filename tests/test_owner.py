"""What owners add in their own places: the code of a service that has grown (tests/library), and plain Flask."""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from tests import harness, linked, servers
from tests.test_databases import flask
from tests.test_fleet import edit
from tests.test_migrations import (
    GIFT_MIGRATION,
    GIFTS,
    assert_up_to_date,
    columns_of,
    content,
    empty_database,
    fill,
)
from tests.test_resource import checked
from tests.test_updates import OWN_EDITS, flips

LIBRARY = Path(__file__).parent / "library"
SERVICE = "{{cookiecutter.service_slug}}"
OWN_PLACES = (
    "app/articles/",
    "app/readers/",
    "app/own_extensions.py",
    "app/own_settings.py",
    "app/resources.py",
    "migrations/versions/",
    "tests/club/",
)


def library() -> dict[str, bytes]:
    """The own files of the reading club."""
    return {name: text for name, text in harness.read(LIBRARY).items() if "__pycache__" not in name}


def changed_files(folder: Path) -> set[str]:
    """The paths that differ from the last commit."""
    status = linked.git(folder, "status", "--porcelain", "--untracked-files=all", "--no-renames")
    return {line[3:] for line in status.splitlines()}


@pytest.mark.proof
def test_a_service_that_has_grown_passes_its_checks_and_touches_only_own_places(tmp_path):
    folder = harness.write(harness.render(harness.default()), tmp_path / "service")
    linked.git(folder, "init", "--quiet")
    linked.commit(folder, "Create the service")
    harness.write(library(), folder)
    checked(folder, "-n", "2")
    assert changed_files(folder) == library().keys()
    assert all(name.startswith(OWN_PLACES) for name in library())


def release_a_table(service: Path) -> None:
    """0.2.0: a table, its model, and changes beside what owners add."""
    (service / "app" / "database" / "gifts.py").write_text(GIFTS)
    (service / "migrations" / "template" / "9000_create_gifts.py").write_text(GIFT_MIGRATION)
    edit(
        service / "app" / "database" / "__init__.py",
        (
            "from app.database.commands",
            "from app.database import gifts  # noqa: F401\nfrom app.database.commands",
        ),
    )
    edit(
        service / "app" / "config.py",
        (
            "        vars(self).update",
            '        self.REGION = env.str("REGION", "eu")\n        vars(self).update',
        ),
    )
    edit(
        service / "pyproject.toml",
        ('    "schemathesis>=4.32",\n', '    "schemathesis>=4.32",\n    "tox>=4",\n'),
    )
    edit(
        service / "README.md",
        ("| settings | `app/own_settings.py`", "| own settings | `app/own_settings.py`"),
    )


COLUMN = '''"""Add a note to idempotent requests."""

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.add_column("idempotent_requests", sa.Column("note", sa.String(length=20)))
'''


def release_a_column(service: Path) -> None:
    """0.3.0: a column, and changes beside, and within, what owners add."""
    (service / "migrations" / "template" / "9001_add_note.py").write_text(COLUMN)
    edit(
        service / "app" / "api" / "idempotency.py",
        (
            "    response: Mapped[str | None]",
            "    note: Mapped[str | None] = mapped_column(String(20))\n    response: Mapped[str | None]",
        ),
    )
    edit(service / "pyproject.toml", ('requires = ["hatchling>=1.28"]', 'requires = ["hatchling>=1.29"]'))
    edit(service / "README.md", ("| own settings |", "| settings of your own |"))
    for name in ("resources", "own_settings", "own_extensions"):
        edit(service / "app" / f"{name}.py", ("The template leaves this file to you.", "It is yours."))


RELEASES = {"v0.2.0": release_a_table, "v0.3.0": release_a_column}


@pytest.fixture
def template(tmp_path) -> Path:
    folder = linked.template(tmp_path / "template")
    linked.git(folder, "tag", "v0.1.0")
    for tag, release in RELEASES.items():
        release(folder / SERVICE)
        linked.commit(folder, f"Release {tag}")
        linked.git(folder, "tag", tag)
    return folder


@contextlib.contextmanager
def rendered(commit: str, scratch: Path) -> Iterator[None]:
    """Have cruft take the trees of the newest release from the suite: it is faster, see linked.rendered."""
    render, trees = harness.render, {}

    def render_release(answers: harness.Answers) -> dict[str, bytes]:
        if (key := harness.label(answers)) not in trees:
            folder = harness.rewrite(render(answers), scratch)
            for release in RELEASES.values():
                release(folder)
            trees[key] = harness.read(folder)
        return trees[key]

    with mock.patch("tests.harness.render", render_release), linked.rendered(commit):
        yield


def add_library(service: Path) -> dict[str, bytes]:
    """Commit the club, and what it adds to files of the template; return its own files."""
    harness.write(library(), service)
    for name in ("pyproject.toml", "constraints.own.txt", ".env.example", "CHANGELOG.md"):
        edit(service / name, OWN_EDITS[name])
    linked.commit(service, "Found a reading club")
    return library()


def assert_merged(service: Path, own: dict[str, bytes]) -> None:
    """The own files are as they were, and nothing else is in the own places."""
    tree = linked.tree(service)
    assert {name: tree.get(name) for name in own} == own
    assert {name for name in tree if name.startswith("migrations/versions/")} <= own.keys()
    for name in ("pyproject.toml", ".env.example", "CHANGELOG.md"):
        assert OWN_EDITS[name][1].encode() in tree[name]


def code(service: Path) -> dict[str, bytes]:
    """What migrations depend on."""
    tree = linked.tree(service)
    return {name: text for name, text in tree.items() if name.startswith(("app/", "migrations/"))}


@pytest.mark.proof
def test_a_service_that_has_grown_takes_releases_and_other_answers(template, tmp_path, record_property):
    service = linked.create(template, tmp_path, harness.default(), checkout="v0.1.0")
    own = add_library(service)

    def update(answers=None, checkout=None) -> None:
        assert linked.update(service, answers, checkout=checkout) == [], answers or checkout
        linked.commit(service, f"Update to {answers or checkout}")
        assert_merged(service, own)

    with empty_database("sqlite", tmp_path) as (settings, engine), contextlib.ExitStack() as stack:
        flask(service, "database", "migrate", **settings)
        fill(engine)
        before = content(engine)
        assert {len(rows) for _, rows in before.values()} == {2}

        def assert_kept() -> None:
            said = assert_up_to_date(service, settings)
            assert "Detected" not in said["db migrate -m nothing"]
            assert content(engine, columns_of(before)) == before

        for checkout, added in (("v0.2.0", "gifts"), ("v0.3.0", "note")):
            update(checkout=checkout)
            assert_kept()
            assert added in repr(columns_of(content(engine)))

        start, base = linked.tree(service), harness.default()
        stack.enter_context(rendered(linked.commit_of(service), tmp_path / "scratch"))
        flipped = [given for given, to in flips(base) if to["database"] != "none" and to["auth"] != "none"]
        for given in flipped:
            unchanged = code(service)
            update(given)
            if code(service) != unchanged:
                assert_kept()
            if "auth" in given:
                tested = run_tests(service, "tests/club")
                assert tested.returncode == 0, tested.stdout[-3000:]
            update({prompt: base[prompt] for prompt in given})
            assert linked.tree(service) == start
        assert_kept()

        # Its code imports the users, which are gone. Nothing happens to the rows.
        update({"auth": "none"})
        refused = servers.run(service, "flask", "database", "migrate", **settings)
        assert refused.returncode != 0
        assert re.search(r"No module named 'app\.(auth|database\.owners)", refused.stderr)
        assert content(engine, columns_of(before)) == before
        update({"auth": "jwt"})
        assert linked.tree(service) == start
        assert_kept()
    record_property("tally", ["answers of a service that has grown, there and back", len(flipped) + 1, 0])


# Plain Flask, in own places.
WELCOME = '''"""A page, a counter and a clock, without the blocks of app.api."""

import asyncio

import click
from flask import Blueprint, Response, current_app, make_response, render_template, session

welcome = Blueprint("welcome", __name__, template_folder="templates", cli_group=None)


@welcome.get("/welcome")
def page() -> Response:
    """Return a page that may load its own styles."""
    response = make_response(render_template("welcome.html", name="<Ada>"))
    response.headers["Content-Security-Policy"] = "default-src 'self'"
    return response


@welcome.get("/visits")
def visits() -> dict[str, int]:
    """Count the visits of a browser."""
    session["visits"] = session.get("visits", 0) + 1
    return {"visits": session["visits"]}


@welcome.get("/later")
async def later() -> dict[str, bool]:
    """Return after other coroutines."""
    await asyncio.sleep(0)
    return {"later": True}


@welcome.cli.command()
def greet() -> None:
    """Print a greeting."""
    click.echo(current_app.config["GREETING"])
'''
TEMPLATE = "<!doctype html>\n<html><body>{{ config.GREETING }}, {{ name }}!</body></html>\n"
WELCOME_TESTS = '''"""Plain Flask works beside the blocks of app.api."""

from flask import Flask
from flask.testing import FlaskClient


def test_page_has_its_own_policy(client: FlaskClient) -> None:
    response = client.get("/welcome")
    assert response.mimetype == "text/html"
    assert "Hello, &lt;Ada&gt;!" in response.text
    assert response.headers["Content-Security-Policy"] == "default-src 'self'"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_session_remembers(client: FlaskClient) -> None:
    assert [client.get("/visits").get_json() for _ in range(2)] == [{"visits": 1}, {"visits": 2}]


def test_coroutine_view(client: FlaskClient) -> None:
    assert client.get("/later").get_json() == {"later": True}


def test_command(app: Flask) -> None:
    assert app.test_cli_runner().invoke(args=["greet"]).output == "Hello\\n"
'''
INIT_PLAIN = '''"""This service's own extensions and plain blueprints. The template leaves this file to you."""

from flask import Flask

from app.welcome import welcome


def init_own_extensions(app: Flask) -> None:
    """Initialize them; `create_app` calls this last."""
    app.register_blueprint(welcome)
'''
INIT_EXTENSIONS = '''"""This service's own extensions and plain blueprints. The template leaves this file to you."""

from flask import Flask
from flask_admin import Admin
from flask_debugtoolbar import DebugToolbarExtension
from flask_session import Session

from app.welcome import welcome


def init_own_extensions(app: Flask) -> None:
    """Initialize them; `create_app` calls this last."""
    Session(app)
    Admin(app, name="Welcome")
    if app.debug:
        DebugToolbarExtension(app)
    app.register_blueprint(welcome)
'''
EXTENSION_TESTS = '''"""Extensions that the service knows nothing of."""

import os
from types import SimpleNamespace

from flask import Flask
from flask.testing import FlaskClient

from app import create_app


def test_session_is_stored_on_the_server(client: FlaskClient) -> None:
    before = len(os.listdir("sessions"))
    assert [client.get("/visits").get_json() for _ in range(2)] == [{"visits": 1}, {"visits": 2}]
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert "." not in cookie.value  # not signed: an id
    assert len(os.listdir("sessions")) > before


def test_admin_has_a_page_and_its_files(client: FlaskClient) -> None:
    page = client.get("/admin/")
    assert page.status_code == 200
    assert "<title>Home - Welcome</title>" in page.text
    assert client.get("/admin/static/admin/js/helpers.js").status_code == 200


def test_pages_have_the_toolbar_in_development(app: Flask, client: FlaskClient) -> None:
    assert "flDebug" not in client.get("/welcome").text
    client = create_app(SimpleNamespace(**app.config | {"DEBUG": True})).test_client()
    page = client.get("/welcome")
    assert page.text.count('id="flDebug"') == 1
    assert client.get("/_debug_toolbar/static/js/toolbar.js").status_code == 200
    assert client.get("/visits").mimetype == "application/json"
'''
EXTENSIONS = ("flask-session==0.8.0", "cachelib==0.17.0", "flask-debugtoolbar==0.16.0", "flask-admin==2.2.1")
EXTENSION_SETTINGS = {
    "SESSION_TYPE": '"cachelib"',
    "SESSION_CACHELIB": 'FileSystemCache("sessions")',
}
PLAIN_ENDPOINTS = ["welcome.page", "welcome.visits", "welcome.later"]
EXTENSION_ENDPOINTS = ["admin.index", "admin.static"]


def settings_module(endpoints: list[str], **settings: str) -> str:
    """app/own_settings.py with these public endpoints and expressions."""
    given = {
        "GREETING": 'env.str("GREETING", "Hello")',
        "PUBLIC_ENDPOINTS": json.dumps(endpoints),
        **settings,
    }
    lines = "".join(f'        "{name}": {value},\n' for name, value in given.items())
    imports = "from cachelib import FileSystemCache\n" if "SESSION_CACHELIB" in given else ""
    return (
        '"""This service\'s own settings."""\n\nfrom typing import Any\n\n'
        f"{imports}from environs import FileAwareEnv\n\n\n"
        "def read_own(env: FileAwareEnv, *, production: bool) -> dict[str, Any]:\n"
        f'    """Return the settings by name."""\n    return {{\n{lines}    }}\n'
    )


PLAIN = {
    "app/welcome/__init__.py": WELCOME,
    "app/welcome/templates/welcome.html": TEMPLATE,
    "app/own_extensions.py": INIT_PLAIN,
    "app/own_settings.py": settings_module(PLAIN_ENDPOINTS),
    "tests/welcome/test_welcome.py": WELCOME_TESTS,
}
ANSWERS = {"default": harness.default(), "smallest": harness.smallest()}


def write_service(answers, folder: Path, own: dict[str, str]) -> Path:
    tree = {**harness.render(answers), **{name: text.encode() for name, text in own.items()}}
    return harness.write(tree, folder)


def run_tests(folder: Path, *tests: str, **settings: str):
    listed = [name for name in tests if (folder / name).exists()]
    return servers.run(folder, "pytest", "-q", "-p", "no:cacheprovider", *listed, **settings)


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS.keys())
def test_plain_flask_works_in_own_places(answers, tmp_path):
    folder = write_service(answers, tmp_path / "service", PLAIN)
    for command in (("check",), ("format", "--check")):
        clean = servers.run(folder, "ruff", *command, "--no-cache", "app", "tests/welcome")
        assert clean.returncode == 0, clean.stdout
    result = run_tests(folder, "tests/welcome", "tests/api/test_blueprint.py", "tests/test_docs.py")
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.proof
def test_extensions_of_flask_work_in_own_places(tmp_path):
    packages = tmp_path / "packages"
    pins = harness.TEMPLATE / "constraints.txt"
    command = ("uv", "pip", "install", "-q", "--python", sys.executable, "--target", str(packages))
    installed = servers.run(tmp_path, *command, "-c", str(pins), *EXTENSIONS)
    assert installed.returncode == 0, installed.stderr
    own = PLAIN | {
        "app/own_extensions.py": INIT_EXTENSIONS,
        "app/own_settings.py": settings_module(PLAIN_ENDPOINTS + EXTENSION_ENDPOINTS, **EXTENSION_SETTINGS),
        "tests/welcome/test_extensions.py": EXTENSION_TESTS,
    }
    for name, answers in ANSWERS.items():
        folder = write_service(answers, tmp_path / name, own)
        result = run_tests(folder, "tests/welcome", "tests/api/test_blueprint.py", PYTHONPATH=str(packages))
        assert result.returncode == 0, result.stdout[-3000:]
