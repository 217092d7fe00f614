"""Updates by cruft, as teams make them: every answer can be changed, and what a team made survives.

Law: from any answers to any others, byte for byte what direct generation gives.
"""

import itertools
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import harness, linked, servers

BASES = int(os.environ.get("UPDATE_BASES", "20"))
PAIRS = int(os.environ.get("UPDATE_PAIRS", "200"))
# Shares of the pairs, for the suite's processes to take one by one.
SHARES = 20

# What a team adds and edits, in the places that are theirs.
OWN_FILES = {
    "app/shelves/__init__.py": '"""Shelves."""\n',
    "app/shelves/routes.py": '"""Shelves over HTTP."""\n\nfrom app.api import Blueprint\n\n'
    'shelves = Blueprint("shelves", __name__, url_prefix="/shelves")\n',
    "own.mk": ".PHONY: greet\ngreet:  ## Say hello\n\t@echo hello\n",
    "compose.override.yaml": "services:\n  web:\n    mem_limit: 512m\n",
    "deploy/prometheus/own_rules.yml": "groups: []\n",
}
OWN_EDITS = {
    "app/resources.py": (
        "RESOURCES: list[Blueprint] = []",
        "from app.shelves.routes import shelves\n\nRESOURCES: list[Blueprint] = [shelves]",
    ),
    "app/own_settings.py": ("return {}", 'return {"SHELVES": env.int("SHELVES", 7)}'),
    "pyproject.toml": ("own = [\n", 'own = [\n    "humanize>=4",\n'),
    "constraints.own.txt": ("to you.\n", "to you.\nhumanize==4.13.0\n"),
    ".env.example": ("below to you.\n", "below to you.\n#SHELVES=7\n"),
    "CHANGELOG.md": ("## [Unreleased]\n", "## [Unreleased]\n\n### Added\n\n- Shelves.\n"),
    "app/version.py": ('__version__ = "0.1.0"', '__version__ = "1.4.2"'),
}


def with_own(tree):
    """The service with all that a team added and edited."""
    edited = {**tree, **{name: text.encode() for name, text in OWN_FILES.items()}}
    for name, (old, new) in OWN_EDITS.items():
        assert old.encode() in edited[name], name
        edited[name] = edited[name].replace(old.encode(), new.encode())
    return edited


def differences(service: Path, answers) -> list[str]:
    """The paths that are not as direct generation would have them, with what the team made."""
    found, expected = linked.tree(service), with_own(harness.render(answers))
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return linked.template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def link(template, tmp_path_factory):
    """What cruft keeps of where a service comes from."""
    service = linked.create(template, tmp_path_factory.mktemp("link"), harness.default())
    return json.loads((service / ".cruft.json").read_text())


def make_ours(service: Path) -> Path:
    """Add and edit what a team does."""
    harness.write(with_own(linked.tree(service)), service)
    linked.commit(service, "Make it ours")
    return service


def flips(answers):
    """The answers that differ in one alone."""
    for prompt, others in harness.choices().items():
        for other in others:
            changed = {**answers, prompt: other}
            if other != answers[prompt] and harness.is_possible(changed):
                yield {prompt: other}, changed


def change(service: Path, to, given) -> list[str]:
    """Update to other answers; return what is not as it should be."""
    conflicts = linked.update(service, given)
    wrong = [f"conflict: {path}" for path in conflicts] + differences(service, to)
    linked.commit(service, "Change the answers")
    return wrong


def change_each_answer(base, link, folder: Path) -> dict[str, list[str]]:
    """Update a service of the answers `base` to every other single answer; return what went wrong."""
    service = make_ours(linked.create_rendered(link, folder, base))
    start = linked.git(service, "rev-parse", "HEAD").strip()
    assert differences(service, base) == []
    wrong = {}
    for given, changed in flips(base):
        with linked.rendered(link["commit"]):
            wrong[str(given)] = change(service, changed, given)
        linked.git(service, "reset", "--quiet", "--hard", start)
    return wrong


def test_every_single_answer_can_be_changed(link, tmp_path, record_property):
    wrong = change_each_answer(harness.default(), link, tmp_path / "service")
    record_property("tally", ["flips", len(wrong), sum(map(bool, wrong.values()))])
    assert len(wrong) >= len(harness.choices())
    assert not any(wrong.values()), wrong


@pytest.mark.proof
@pytest.mark.parametrize("number", range(BASES))
def test_every_single_answer_can_be_changed_from_any_others(number, link, tmp_path, record_property):
    base = random.Random(number).choice(harness.combinations())
    wrong = change_each_answer(base, link, tmp_path / "service")
    record_property("tally", ["flips", len(wrong), sum(map(bool, wrong.values()))])
    assert len(wrong) >= len(harness.choices())
    assert not any(wrong.values()), wrong


@pytest.mark.proof
@pytest.mark.parametrize("share", range(SHARES))
def test_any_answers_can_be_changed_to_any_others_and_back(share, link, tmp_path, record_property):
    chance = random.Random(1000 + share)
    pairs = [chance.sample(harness.combinations(), 2) for _ in range(share, PAIRS, SHARES)]
    wrong = {}
    for number, (one, other) in enumerate(pairs):
        service = make_ours(linked.create_rendered(link, tmp_path / str(number), one))
        with linked.rendered(link["commit"]):
            if found := change(service, other, other) + change(service, one, one):
                wrong[f"{harness.label(one)} to {harness.label(other)}"] = found
        shutil.rmtree(service)
    record_property("tally", ["pairs, there and back", len(pairs), len(wrong)])
    assert len(pairs) > 0
    assert wrong == {}


def covering_flips() -> list[tuple[dict, dict]]:
    """Each answer changed to each other answer of its prompt once, from combinations that differ."""
    return [
        (base, {prompt: new})
        for prompt, answers in harness.choices().items()
        for old, new in itertools.permutations(answers, 2)
        for base in [
            random.Random(f"{prompt} {old} {new}").choice(
                [
                    base
                    for base in harness.combinations()
                    if base[prompt] == old and harness.is_possible({**base, prompt: new})
                ]
            )
        ]
    ]


@pytest.mark.proof
@pytest.mark.parametrize("share", range(SHARES))
def test_cruft_itself_gives_what_the_suite_gives_without_it(share, template, link, tmp_path, record_property):
    """Its clone and its two generations are left out above: here they are not."""
    flipped = covering_flips()[share::SHARES]
    wrong = {}
    for number, (base, given) in enumerate(flipped):
        changed = {**base, **given}
        real = make_ours(linked.create(template, tmp_path / f"real{number}", base))
        found = change(real, changed, given)
        quick = make_ours(linked.create_rendered(link, tmp_path / f"quick{number}", base))
        with linked.rendered(link["commit"]):
            found += change(quick, changed, given)
        assert linked.tree(real) == linked.tree(quick)
        if found:
            wrong[f"{harness.label(base)} to {given}"] = found
    record_property("tally", ["flips by cruft itself", len(flipped), len(wrong)])
    assert wrong == {}


def cruft(service: Path, *arguments: str) -> subprocess.CompletedProcess:
    """cruft's own command."""
    return servers.run(service, "cruft", *arguments)


@pytest.mark.proof
@pytest.mark.parametrize("answers", [harness.default(), harness.smallest()], ids=["default", "smallest"])
def test_a_new_service_has_no_drift(answers, template, tmp_path):
    service = linked.create(template, tmp_path, answers)
    checked, drift = cruft(service, "check"), cruft(service, "diff", "--exit-code")
    assert checked.returncode == 0, checked.stdout
    assert (drift.returncode, drift.stdout, drift.stderr) == (0, "", "")


def release(template: Path, tag: str, **changes: str) -> None:
    """Change the template's files for the services, and tag that."""
    for name, text in changes.items():
        path = template / "{{cookiecutter.service_slug}}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    linked.commit(template, f"Release {tag}")
    linked.git(template, "tag", "--annotate", "--message", tag, tag)


@pytest.fixture
def released(template, tmp_path):
    """A template with a release, a service of it, and a newer release that changes its Dockerfile."""
    copy = shutil.copytree(template, tmp_path / "released")
    (copy / "CHANGELOG.md").write_text("# Changelog\n\n## [0.1.0]\n\nThe first.\n")
    release(copy, "v0.1.0")
    service = linked.create(copy, tmp_path / "services", harness.default(), checkout="v0.1.0")
    text = (copy / "{{cookiecutter.service_slug}}" / "Dockerfile").read_text()
    pins = (copy / "{{cookiecutter.service_slug}}" / "constraints.txt").read_text()
    (copy / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [0.2.0]\n\n### Updating\n\nNothing to do.\n\n## [0.1.0]\n\nThe first.\n"
    )
    changes = {"Dockerfile": text.replace("EXPOSE 8000 9090", "EXPOSE 8000 9090 9091")}
    changes["constraints.txt"] = pins.replace("flask==3", "flask==4")
    release(copy, "v0.2.0", **changes)
    # A branch goes on: what is not released is not for services.
    (copy / "README.md").write_text("Unreleased.\n")
    linked.commit(copy)
    return copy, service


def tool(service: Path, command: str, *options: str) -> subprocess.CompletedProcess:
    """The service's own tool, as its make targets run it."""
    return servers.run(service, "python", "tools/template.py", command, *options, CRUFT="cruft", **IDENTITY)


IDENTITY = dict.fromkeys(
    ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"), "tester@example.com"
)


@pytest.mark.proof
def test_a_service_is_told_of_a_release_and_takes_it(released):
    _, service = released
    checked = tool(service, "check")
    assert (checked.returncode, checked.stdout) == (1, "v0.2.0 is available; this service is at v0.1.0.\n")
    assert tool(service, "notes").stdout == "## [0.2.0]\n\n### Updating\n\nNothing to do.\n"
    updated = tool(service, "update")
    assert updated.returncode == 0, updated.stderr
    assert "Updated to v0.2.0: 3 files changed" in updated.stdout
    assert "9091" in (service / "Dockerfile").read_text()
    linked.commit(service, "Update")
    assert tool(service, "check").stdout == "Up to date with v0.2.0.\n"
    assert tool(service, "update").stdout == "Up to date with v0.2.0.\n"
    assert tool(service, "notes").stdout == "No changes since v0.2.0.\n"


@pytest.mark.proof
def test_a_conflict_is_not_success(released):
    _, service = released
    dockerfile = service / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("EXPOSE 8000 9090", "EXPOSE 8000"))
    linked.commit(service, "Expose less")
    updated = tool(service, "update")
    assert updated.returncode == 2, updated.stdout
    assert "  conflict: Dockerfile\n" in updated.stdout
    assert "<<<<<<<" in dockerfile.read_text()


@pytest.mark.proof
def test_of_the_pins_the_templates_hold(released):
    _, service = released
    pins = service / "constraints.txt"
    pins.write_text(pins.read_text().replace("flask==3", "flask==2"))
    linked.commit(service, "Pin another")
    assert tool(service, "update").returncode == 0
    assert "flask==4" in pins.read_text()


@pytest.mark.proof
def test_what_git_does_not_have_is_not_put_at_risk(released):
    _, service = released
    (service / "note.txt").write_text("Not committed.\n")
    refused = tool(service, "update")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "note.txt" in refused.stderr
    assert (service / "note.txt").exists()


@pytest.mark.proof
def test_answers_that_cannot_be_change_nothing(released):
    _, service = released
    before = harness.read(service)
    refused = tool(service, "update", "--answers", '{"auth": "session", "database": "none"}')
    assert refused.returncode == 3
    assert "nothing was changed" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert {k: v for k, v in harness.read(service).items() if not k.startswith(".git/")} == {
        k: v for k, v in before.items() if not k.startswith(".git/")
    }


@pytest.mark.proof
def test_a_service_that_is_not_linked_is_told_so_and_can_be(released):
    copy, service = released
    expected = (service / ".cruft.json").read_text()
    (service / ".cruft.json").unlink()
    linked.commit(service, "Forget where it comes from")
    refused = tool(service, "check")
    assert refused.returncode == 3
    assert "not linked" in refused.stderr
    answers = {**harness.TEXT, **harness.default()}
    given = ["--no-input", "--extra-context", json.dumps(answers)]
    result = cruft(service, "link", str(copy), "--checkout", "v0.1.0", *given)
    assert result.returncode == 0, result.stderr
    assert json.loads((service / ".cruft.json").read_text())["commit"] == json.loads(expected)["commit"]
    linked.commit(service, "Link it")
    assert cruft(service, "diff", "--exit-code").stdout == ""
    assert tool(service, "update").returncode == 0


@pytest.mark.proof
@pytest.mark.parametrize("fault", [None, "a test", "a conflict"])
def test_a_rehearsal_leaves_everything_as_it_is(fault, released):
    _, service = released
    # Its tests are what a team says they are: the real ones take an environment of their own.
    makefile = service / "Makefile"
    makefile.write_text(
        makefile.read_text()
        + f"\ntest: said\n.PHONY: said\nsaid:\n\t@{'false' if fault == 'a test' else 'true'}\n"
    )
    text = makefile.read_text().replace(
        "test: .venv/installed  ## Run the tests", "suite: .venv/installed  ## Run the tests"
    )
    makefile.write_text(text)
    if fault == "a conflict":
        (service / "Dockerfile").write_text("FROM scratch\n")
    linked.commit(service, "Prepare")
    before = linked.git(service, "rev-parse", "HEAD"), linked.tree(service)
    rehearsed = tool(service, "rehearse")
    assert rehearsed.returncode == {None: 0, "a test": 1, "a conflict": 2}[fault], rehearsed.stderr
    assert (linked.git(service, "rev-parse", "HEAD"), linked.tree(service)) == before
    assert linked.git(service, "status", "--porcelain") == ""
    assert len(linked.git(service, "worktree", "list").splitlines()) == 1


@pytest.mark.proof
def test_a_running_service_tells_where_it_comes_from(template, tmp_path):
    service = linked.create(template, tmp_path / "made", harness.default(database="none"))
    with servers.serving(service, tmp_path / "log") as server:
        told = server.ask("GET", "/__version__").json["template"]
    assert told == {"version": "0.1.0", "commit": linked.commit_of(service)}


@pytest.mark.proof
def test_a_database_goes_along(template, tmp_path):
    """As docs/updating.md says: what was stored is still there, whatever becomes of `auth`."""
    service = linked.create(template, tmp_path / "made", harness.default(auth="none"))

    def flask(*arguments: str) -> str:
        result = servers.run(service, "flask", *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    (service / ".gitignore").write_text((service / ".gitignore").read_text() + "*.sqlite3\n")
    linked.commit(service, "Ignore the database")
    flask("database", "migrate")
    flask("orders", "seed", "--count=3")
    for auth in ("jwt", "session", "none"):
        assert linked.update(service, {"auth": auth}) == []
        linked.commit(service, f"Go to {auth}")
        flask("database", "migrate")
        flask("db", "check")
    with servers.serving(service, tmp_path / "log") as server:
        assert len(server.ask("GET", "/orders/").json["orders"]) == 3
