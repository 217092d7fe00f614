"""Every release can be updated from, and none that could not be is tagged."""

import json
import shutil
from collections.abc import Callable

import pytest

from tests import harness, linked, releases, servers
from tests import test_migrations as migrations
from tests.test_updates import differences, with_own


def test_no_answer_of_any_release_was_withdrawn():
    if releases.is_shallow():
        pytest.skip(releases.SHALLOW)
    new = json.loads((harness.ROOT / "cookiecutter.json").read_text())
    found = releases.released()
    assert "0.1.0" in found
    for version, commit in found.items():
        assert releases.withdrawn(releases.prompts(commit), new) == [], version


OLD = {"name": "x", "database": ["postgresql", "none"], "example": True, "_private": 1}


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (OLD, []),
        ({**OLD, "database": ["mysql", "postgresql", "none"], "more": True}, []),
        ({k: v for k, v in OLD.items() if k != "_private"}, []),
        ({k: v for k, v in OLD.items() if k != "name"}, ["name is gone"]),
        ({**OLD, "database": ["postgresql"]}, ["database has no none"]),
        ({**OLD, "example": ["yes", "no"]}, ["example is asked in another way"]),
    ],
)
def test_what_is_withdrawn_is_named(new, said):
    assert releases.withdrawn(OLD, new) == said


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """The template's history, with what is here as its newest commit."""
    folder = tmp_path_factory.mktemp("history") / "template"
    linked.git(harness.ROOT, "clone", "--quiet", "--no-hardlinks", str(harness.ROOT), str(folder))
    for path in folder.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    linked.overlay(folder)
    linked.commit(folder, "Release")
    return folder


def default_answers(prompts):
    """The default answers of a release."""
    return {
        prompt: prompts[prompt][0] if isinstance(prompts[prompt], list) else prompts[prompt]
        for prompt in harness.choices()
        if prompt in prompts
    }


@pytest.mark.proof
def test_an_edited_service_of_each_release_is_updated_and_its_tests_pass(history, tmp_path, record_property):
    found = releases.released(history)
    for version, commit in found.items():
        answers = default_answers(releases.prompts(commit, history))
        service = linked.create(history, tmp_path / version, answers, checkout=commit)
        harness.write(with_own(linked.tree(service)), service)
        linked.commit(service, "Make it ours")
        assert linked.update(service) == []
        assert differences(service, harness.default(**answers)) == []
        result = servers.run(service, "pytest", "-q", "-p", "no:cacheprovider")
        assert result.returncode == 0, result.stdout[-3000:]
    record_property("summary", f"Updates from {len(found)} earlier releases: {', '.join(found)}.")
    assert "0.1.0" in found


# As a team may have written it with 0.1.0.
SHELVES_OF_0_1_0 = '''"""Shelves."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import db


class Shelf(db.Model):  # type: ignore[name-defined, misc]
    """A shelf."""

    __tablename__ = "shelves"

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(20), index=True)
'''


OWN_REVISION = '''"""Add shelves."""

import sqlalchemy as sa
from alembic import op

revision = "ab12cd34ef56"
down_revision = "0004_tokens"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shelves",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelves")),
    )
    op.create_index(op.f("ix_shelves_label"), "shelves", ["label"], unique=False)


def downgrade() -> None:
    op.drop_table("shelves")
'''


@pytest.fixture
def first_release(history, tmp_path):
    """Make a service of release 0.1.0 with an own model, which ignores the databases in its folder."""

    def make(**answers):
        commit = releases.released(history)["0.1.0"]
        given = {**default_answers(releases.prompts(commit, history)), **answers}
        service = linked.create(history, tmp_path / "first", given, checkout=commit)
        (service / "app" / "shelves.py").write_text(SHELVES_OF_0_1_0)
        edit(service, "app/resources.py", lambda text: text + "\nimport app.shelves\n")
        linked.commit(service, "Add shelves")
        return service

    return make


def take(service, settings, **answers) -> None:
    """Update, and migrate as the documentation says."""
    assert linked.update(service, answers or None) == []
    linked.commit(service, "Update")
    migrations.flask(service, "database", "migrate", **settings)
    migrations.assert_up_to_date(service, settings)


@pytest.mark.proof
@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mysql"])
def test_a_database_of_the_first_release_goes_along(database, first_release, tmp_path):
    answers = {"auth": "jwt", "database": migrations.keep_server(database)}
    service = first_release(**answers)
    with migrations.empty_database(database, tmp_path) as (settings, engine):
        own = "ab12cd34ef56_add_shelves.py"
        (service / "migrations" / "versions" / own).write_text(OWN_REVISION)
        linked.commit(service, "Add a revision")
        migrations.flask(service, "db", "upgrade", **settings)
        migrations.fill(engine)
        before = migrations.content(engine)
        # A migration moves them to another table.
        del before["idempotency_keys"]

        assert linked.update(service) == []
        refused = servers.run(service, "flask", "database", "migrate", **settings)
        assert refused.returncode == 1
        (line,) = [line for line in refused.stderr.splitlines() if "down_revision" in line]
        assert f"{own} refers to a migration of the template" in line
        edit(service, f"migrations/versions/{own}", lambda text: text.replace('"0004_tokens"', "None"))
        linked.commit(service, "Update")
        migrations.flask(service, "database", "migrate", **settings)
        migrations.assert_up_to_date(service, settings)
        kept = migrations.columns_of(before)
        assert migrations.content(engine, kept) == before
        for auth in ("none", "session", "jwt"):
            take(service, settings, auth=auth)
            assert migrations.content(engine, kept) == before
        assert len(migrations.content(engine)["idempotent_requests"][1]) == 2


@pytest.mark.proof
def test_a_database_of_the_first_release_goes_along_with_another_answer(first_release, tmp_path):
    """Without an own revision, and a piece that is gone when the database is migrated first."""
    service = first_release(auth="session")
    with migrations.empty_database("sqlite", tmp_path) as (settings, engine):
        migrations.flask(service, "db", "upgrade", **settings)
        migrations.fill(engine)
        before = migrations.content(engine)
        # A migration moves them to another table.
        del before["idempotency_keys"]
        assert linked.update(service, {"auth": "jwt", "example": False}) == []
        linked.commit(service, "Update")
        migrations.flask(service, "database", "migrate", **settings)
        migrations.flask(service, "db", "migrate", "-m", "add shelves", **settings)
        linked.commit(service, "Add a revision")
        kept = migrations.columns_of(before)
        for answers in ({"auth": "none"}, {"auth": "session"}, {"example": True}):
            take(service, settings, **answers)
            assert migrations.content(engine, kept) == before
        assert len(migrations.content(engine)["idempotent_requests"][1]) == 2


def prepare(folder, version: str) -> None:
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## [Unreleased]\n\n## [{version}] - 2030-01-02\n")


def test_releases_are_found_without_tags(tmp_path):
    linked.git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    linked.commit(tmp_path, "Begin")
    linked.commit(tmp_path, "Go on")
    assert releases.released(tmp_path) == {}
    commits = {}
    for version in ("0.1.0", "0.9.0", "0.10.0"):
        prepare(tmp_path, version)
        commits[version] = linked.commit(tmp_path, f"Release {version}")
        # Not before something follows it.
        assert version not in releases.released(tmp_path)
        (tmp_path / "CHANGELOG.md").write_text((tmp_path / "CHANGELOG.md").read_text() + "\n- More.\n")
        linked.commit(tmp_path, "Go on")
        assert list(releases.released(tmp_path).items()) == list(commits.items())
    linked.git(tmp_path, "tag", "v0.9.0", commits["0.9.0"])
    assert releases.released(tmp_path) == {**commits, "0.9.0": "v0.9.0"}


def test_a_shallow_clone_knows_no_releases_and_says_so(ready, tmp_path):
    linked.commit(ready, "Go on")
    shallow = tmp_path / "shallow"
    linked.git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{ready}", str(shallow))
    with pytest.raises(ValueError, match="shallow"):
        releases.released(shallow)
    assert releases.faults(shallow) == [releases.SHALLOW]


def edit(folder, name: str, change: Callable[[str], str]) -> None:
    path = folder / name
    path.write_text(change(path.read_text()))


RELEASE = "## [Unreleased]\n\n## [9.0.0] - 2030-01-02\n\n### Updating\n\nNothing to do.\n"
FAULTS = {
    "no section": (
        "CHANGELOG.md",
        lambda text: text.replace("## [9.0.0]", "## [8.0.0]"),
        "no section for 9.0.0",
    ),
    "no word of updating": (
        "CHANGELOG.md",
        lambda text: text.replace("### Updating", "### Added"),
        "updating to",
    ),
    "more than it": (
        "CHANGELOG.md",
        lambda text: text.replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n"),
        "not of this release",
    ),
    "another version": ("cookiecutter.json", lambda text: text.replace('"9.0.0"', '"8.0.0"'), "says 8.0.0"),
    "a prompt less": (
        "cookiecutter.json",
        lambda text: text.replace('"tracing": [', '"traces": ['),
        "tracing is gone",
    ),
}


@pytest.fixture
def ready(tmp_path):
    """A template that is about to be released, after an earlier release."""
    folder = linked.template(tmp_path / "ready")
    linked.git(folder, "tag", "v0.0.1")
    version = json.loads((folder / "cookiecutter.json").read_text())["_template_version"]
    edit(
        folder, "pyproject.toml", lambda text: text.replace(f'version = "{version}"', 'version = "9.0.0"', 1)
    )
    edit(folder, "cookiecutter.json", lambda text: text.replace(f'"{version}"', '"9.0.0"'))
    edit(folder, "CHANGELOG.md", lambda text: f"# Changelog\n\n{RELEASE}")
    linked.commit(folder, "Release 9.0.0")
    return folder


def test_a_release_that_is_whole_may_be_tagged(ready):
    assert releases.faults(ready) == []
    linked.git(ready, "tag", "v9.0.0")
    assert releases.faults(ready) == ["v9.0.0 is released already"]


@pytest.mark.parametrize(("name", "change", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_one_that_is_not_may_not(name, change, said, ready):
    edit(ready, name, change)
    linked.commit(ready, "Spoil it")
    faults = releases.faults(ready)
    assert faults
    assert any(said in fault for fault in faults), faults


def test_nor_one_that_is_not_committed(ready):
    (ready / "more.txt").write_text("More.\n")
    assert releases.faults(ready) == ["there are changes that are not committed"]
