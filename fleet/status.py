"""What is told of one service. It is only read: an update is tried on a clone."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

CRUFT = str(Path(sys.executable).with_name("cruft"))
RELEASE = re.compile(r"refs/tags/(v(\d+)\.(\d+)\.(\d+))(\^\{\})?")


class Status(NamedTuple):
    """A service: its folder's name, the release that it is at, and how many are newer.

    `drift` counts the lines that differ from what was generated, `conflicts` are the paths that an
    update to the newest release would not merge. Where there is a `problem`, nothing else is known.
    """

    service: str
    release: str = ""
    behind: int = 0
    answers: dict[str, Any] = {}
    drift: int = 0
    conflicts: list[str] = []
    problem: str = ""


class Failure(Exception):
    """A command has failed; the message is the last line that it said."""


def run(folder: Path, *command: str) -> str:
    """Run a command; return what it prints."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        said = (result.stderr.strip() or result.stdout.strip() or "failed").splitlines()
        raise Failure(f"{Path(command[0]).name} {command[1]}: {said[-1]}")
    return result.stdout


def find_services(folder: Path) -> list[Path]:
    """The services that `folder` is or has in it."""
    if (folder / ".cruft.json").exists():
        return [folder.resolve()]
    return sorted(path.parent.resolve() for path in folder.glob("*/.cruft.json"))


def read_status(service: Path) -> Status:
    """How the service stands."""
    try:
        link = json.loads((service / ".cruft.json").read_text())
        releases = list_releases(link["template"])
        release = next((tag for tag, commit in releases if commit == link["commit"]), "")
        newest = releases[-1] if releases else ("HEAD", "HEAD")
        tags = [tag for tag, _ in releases]
        answers = link["context"]["cookiecutter"]
        return Status(
            service=service.name,
            release=release or link["commit"][:12],
            behind=len(tags) - 1 - tags.index(release) if release else count_newer(link, releases),
            answers={name: answer for name, answer in answers.items() if is_choice(name, answer)},
            drift=count_lines(run(service, CRUFT, "diff")),
            conflicts=try_update(service, newest[1]),
        )
    except (Failure, OSError, LookupError, ValueError) as error:
        return Status(service=service.name, problem=str(error))


def is_choice(name: str, answer: Any) -> bool:
    """Whether the answer says what the service has, and not what it is called."""
    return not name.startswith(("_", "service_")) and name not in ("description", "owner")


def list_releases(template: str) -> list[tuple[str, str]]:
    """The tags vX.Y.Z with their commits, oldest first."""
    found: dict[tuple[int, ...], tuple[str, str]] = {}
    for line in run(Path.cwd(), "git", "ls-remote", "--tags", template).splitlines():
        commit, _, name = line.partition("\t")
        if match := RELEASE.fullmatch(name):
            found[tuple(int(part) for part in match.group(2, 3, 4))] = (match[1], commit)
    return [found[version] for version in sorted(found)]


def count_newer(link: dict[str, Any], releases: list[tuple[str, str]]) -> int:
    """How many releases there are after a commit that is none itself."""
    with tempfile.TemporaryDirectory() as clone:
        run(Path(clone), "git", "clone", "--quiet", "--bare", "--filter=blob:none", link["template"], ".")
        held = run(Path(clone), "git", "tag", "--merged", link["commit"]).split()
    return len([tag for tag, _ in releases if tag not in held])


def count_lines(diff: str) -> int:
    """The lines that a diff adds or removes."""
    return len(re.findall(r"^[+-](?!\+\+ |-- )", diff, re.M))


def try_update(service: Path, commit: str) -> list[str]:
    """Update a clone of the service's last commit; return the paths in conflict."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch, "service")
        run(service, "git", "clone", "--quiet", str(service), str(clone))
        run(clone, CRUFT, "update", "--skip-apply-ask", "--checkout", commit)
        unmerged = run(clone, "git", "diff", "--name-only", "--diff-filter=U").splitlines()
        rejected = run(clone, "git", "ls-files", "--others", "*.rej").splitlines()
    # Of two versions the template's holds: tools/template.py sees to it.
    return sorted({*unmerged, *rejected} - {"constraints.txt"})
