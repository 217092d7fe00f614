"""A fleet of edited services over two releases that change most of their files, and how it is told of.

FLEET says how many services there are. Each is made of random answers, edited as teams edit, updated
twice, and the first of them run their own tests.
"""

import difflib
import json
import os
import random
import re
import shutil
from pathlib import Path

import pytest

from tests import harness, linked, servers
from tests.test_updates import with_own

pytestmark = pytest.mark.proof

FLEET = int(os.environ.get("FLEET", "6"))
# How many of them run their own tests after.
SUITES = 3
SERVICE = "{{cookiecutter.service_slug}}"

UPTIME = '''"""Since when this process serves."""

import time

from flask import Flask


def init_uptime(app: Flask) -> None:
    """Remember when the application was made."""
    app.extensions["started_at"] = time.time()
'''


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert old in text, (path, old)
        text = text.replace(old, new, 1)
    path.write_text(text)


def release_pins_a_file_and_the_factory(template: Path) -> None:
    """0.2.0: newer dependencies, a new file in every service, a new step of the factory."""
    pins = template / SERVICE / "constraints.txt"
    pins.write_text(re.sub(r"(?m)^((?:f|m|s|w)\S+==[\d.]+)$", r"\g<1>.1", pins.read_text()))
    (template / SERVICE / "app" / "observability" / "uptime.py").write_text(UPTIME)
    edit(
        template / SERVICE / "app" / "__init__.py",
        ("    init_errors(app)\n", "    init_errors(app)\n    init_uptime(app)\n"),
        (
            "from app.security import",
            "from app.observability.uptime import init_uptime\nfrom app.security import",
        ),
    )


def release_a_rename_a_prompt_and_most_files(template: Path) -> None:
    """0.3.0: a renamed module, a new prompt with a default, a new first line of every Python file."""
    security = template / SERVICE / "app" / "security"
    (security / "rate_limit.py").rename(security / "limits.py")
    for path in (template / SERVICE).rglob("*.py"):
        text = path.read_text()
        for old, new in (
            ("app.security.rate_limit", "app.security.limits"),
            ("from app.security import rate_limit", "from app.security import limits as rate_limit"),
        ):
            text = text.replace(old, new)
        path.write_text(text)
    edit(
        template / "cookiecutter.json",
        ('  "_template_version"', '  "region": ["eu", "us"],\n  "_template_version"'),
    )
    edit(
        template / SERVICE / ".env.example",
        ("# DEBUG, INFO,", "# Where it runs.\n#REGION={{ cookiecutter.region }}\n\n# DEBUG, INFO,"),
    )
    edit(template / SERVICE / "Dockerfile", ("--start-period=10s", "--start-period=20s"))
    for path in (template / SERVICE).rglob("*.py"):
        text = path.read_text()
        if text.startswith('"""') and not path.name.startswith(("resources.", "own_")):
            path.write_text(text.replace('"""', '"""Release 3. ', 1))


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    folder = linked.template(tmp_path_factory.mktemp("fleet") / "template")
    linked.git(folder, "tag", "v0.1.0")
    for tag, release in (
        ("v0.2.0", release_pins_a_file_and_the_factory),
        ("v0.3.0", release_a_rename_a_prompt_and_most_files),
    ):
        release(folder)
        linked.commit(folder, f"Release {tag}")
        linked.git(folder, "tag", tag)
    return folder


def delete_the_example(service: Path) -> None:
    """By hand, as a team does that has a resource of its own by now."""
    for folder in ("app/orders", "tests/orders"):
        shutil.rmtree(service / folder)
    edit(
        service / "app" / "__init__.py",
        ("from app.orders.routes import orders\n", ""),
        ("    api.register_blueprint(orders)\n", ""),
    )


EDITS = {
    "packages in the image": lambda service: edit(
        service / "Dockerfile",
        (
            "WORKDIR /srv\n",
            "WORKDIR /srv\nRUN apt-get update && apt-get install --yes --no-install-recommends libpq5\n",
        ),
    ),
    "a limit of its own": lambda service: edit(
        service / "app" / "config.py", ("DEFAULT_RATE_LIMIT = 60_000", "DEFAULT_RATE_LIMIT = 30_000")
    ),
    "a function more": lambda service: (service / "app" / "api" / "errors.py").write_text(
        (service / "app" / "api" / "errors.py").read_text()
        + "\n\ndef is_ours(status: int) -> bool:\n    return status >= 500\n"
    ),
    "words of its own": lambda service: (service / "README.md").write_text(
        (service / "README.md").read_text() + "\n## On call\n\nAsk the depot crew.\n"
    ),
    "slots of its own": lambda service: edit(
        service / "app" / "security" / "rate_limit.py", ("SLOTS = 1 << 17", "SLOTS = 1 << 18")
    ),
}
# A line that the next release changes, too: only a person can tell what holds.
CONTENDED = {
    "its own start period": lambda service: edit(
        service / "Dockerfile", ("--start-period=10s", "--start-period=45s")
    )
}


def changed_lines(base: list[str], other: list[str]) -> set[int]:
    """The lines of `base` that `other` has changed, or put something before."""
    changed: set[int] = set()
    for kind, start, end, _, _ in difflib.SequenceMatcher(None, base, other, autojunk=False).get_opcodes():
        if kind != "equal":
            changed |= set(range(start, max(end, start + 1)))
    return changed


def is_contended(service: Path, path: str) -> bool:
    """Whether both the team and the release have changed the same line of a file in conflict."""
    base, ours, theirs = (linked.git(service, "show", f":{stage}:{path}").splitlines() for stage in (1, 2, 3))
    return bool(changed_lines(base, ours) & changed_lines(base, theirs))


@pytest.mark.parametrize("number", range(FLEET))
def test_an_edited_service_takes_both_releases(number, template, tmp_path, record_property):
    chance = random.Random(727 + number)
    answers = chance.choice(harness.combinations())
    service = linked.create(template, tmp_path, answers, checkout="v0.1.0")
    harness.write(with_own(linked.tree(service)), service)
    edits = dict(chance.sample(sorted(EDITS.items()), chance.randint(1, len(EDITS))))
    if number % 5 == 0:
        edits |= CONTENDED
    if answers["example"] and answers["database"] == "none":
        edits["no example any more"] = delete_the_example
    for change in edits.values():
        change(service)
    linked.commit(service, "Make it ours")

    contended, beside = [], []
    for tag in ("v0.2.0", "v0.3.0"):
        conflicts = linked.update(service, checkout=tag)
        for path in conflicts:
            (contended if is_contended(service, path) else beside).append(f"{tag} {path}")
            linked.git(service, "checkout", "--ours", path)
        linked.commit(service, f"Update to {tag}")
    text = (service / "app" / "security" / "limits.py").read_text()
    assert ("1 << 18" in text) == ("slots of its own" in edits)
    assert "#REGION=eu" in (service / ".env.example").read_text()
    assert (service / "app" / "orders").exists() == (
        answers["example"] and "no example any more" not in edits
    )

    if contended or beside:
        told = ", ".join([*(f"{what} (its own line)" for what in contended), *beside])
        record_property("summary", f"  fleet, {harness.label(answers)}, {', '.join(edits)}: {told}")
    record_property(
        "tally", ["services over two releases, conflicts beside what teams edited", 1, len(beside)]
    )
    record_property("tally", ["services, conflicts in lines that teams edited themselves", 1, len(contended)])
    assert beside == []
    assert len(contended) == ("its own start period" in edits)
    if number < SUITES:
        tested = servers.run(service, "pytest", "-q", "-p", "no:cacheprovider")
        record_property("tally", ["services, tests that fail after", 1, int(tested.returncode != 0)])
        assert tested.returncode == 0, tested.stdout[-3000:]


def test_a_fleet_is_told_of(template, tmp_path):
    fleet = tmp_path / "fleet"
    for name, checkout in (("alpha", "v0.1.0"), ("beta", "v0.2.0"), ("gamma", "v0.3.0")):
        made = {"service_name": name, "service_slug": name}
        linked.create(template, fleet, {**harness.default(ci="none"), **made}, checkout=checkout)
    CONTENDED["its own start period"](fleet / "alpha")
    linked.commit(fleet / "alpha", "Start slowly")
    (fleet / "broken").mkdir()
    (fleet / "broken" / ".cruft.json").write_text("{}\n")

    told = servers.run(harness.ROOT, "python", "-m", "fleet", "--json", str(fleet))
    assert told.returncode == 1  # for one of them nothing is known
    alpha, beta, broken, gamma = json.loads(told.stdout)
    assert (alpha["release"], alpha["behind"], alpha["drift"]) == ("v0.1.0", 2, 2)
    assert alpha["conflicts"] == ["Dockerfile"]
    assert (alpha["answers"]["ci"], alpha["answers"]["auth"]) == ("none", "jwt")
    assert (beta["release"], beta["behind"], beta["drift"], beta["conflicts"]) == ("v0.2.0", 1, 0, [])
    assert (gamma["release"], gamma["behind"]) == ("v0.3.0", 0)
    assert broken["problem"]

    table = servers.run(harness.ROOT, "python", "-m", "fleet", str(fleet / "alpha"), str(fleet / "gamma"))
    assert table.returncode == 0
    header, first, second = table.stdout.splitlines()
    assert header.split()[:5] == ["service", "release", "behind", "drift", "conflicts"]
    assert first.split()[:5] == ["alpha", "v0.1.0", "2", "2", "Dockerfile"]
    assert second.split()[:5] == ["gamma", "v0.3.0", "0", "0", "none"]
    assert servers.run(harness.ROOT, "python", "-m", "fleet", str(tmp_path)).returncode == 1
