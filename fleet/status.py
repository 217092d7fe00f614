"""Read the status of one service without changing it: updates are tried on a clone."""

import importlib.util
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

CRUFT = str(Path(sys.executable).with_name("cruft"))
# The services' own tool, which lists releases and finds conflicts.
TOOL = Path(__file__).parents[1] / "{{cookiecutter.service_slug}}" / "tools" / "template.py"
spec = importlib.util.spec_from_file_location("template_tool", TOOL)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
os.environ.setdefault("CRUFT", CRUFT)


class Status(NamedTuple):
    """Status of a service: its folder's name, its release, and the number of newer releases.

    `drift` is the number of lines that differ from the generated ones; `conflicts` are the paths that
    an update to the newest release could not merge. With a `problem`, only the name is set.
    """

    service: str
    release: str = ""
    behind: int = 0
    answers: dict[str, Any] = {}
    drift: int = 0
    conflicts: list[str] = []
    problem: str = ""


def find_services(folder: Path) -> list[Path]:
    """Return `folder` if it is a service, or else the services directly inside it."""
    if (folder / ".cruft.json").exists():
        return [folder.resolve()]
    return sorted(path.parent.resolve() for path in folder.glob("*/.cruft.json"))


def read_status(service: Path) -> Status:
    """Return the status of the service."""
    try:
        link = json.loads((service / ".cruft.json").read_text())
        releases = tool.list_releases(link["template"])
        tags = [tag for tag, _ in releases if tag != "HEAD"]
        release = next((tag for tag, commit in releases if commit == link["commit"] and tag in tags), "")
        answers = link["context"]["cookiecutter"]
        return Status(
            service=service.name,
            release=release or link["commit"][:12],
            behind=len(tags) - 1 - tags.index(release) if release else count_newer(link, tags),
            answers={name: answer for name, answer in answers.items() if is_choice(name)},
            drift=count_lines(tool.run_command(CRUFT, "diff", folder=service)),
            conflicts=try_update(service, *releases[-1]),
        )
    except (tool.UpdateError, OSError, LookupError, ValueError) as error:
        return Status(service=service.name, problem=str(error).splitlines()[-1])


def is_choice(name: str) -> bool:
    """Return whether the answer selects pieces, and is not a name or a text."""
    return not name.startswith(("_", "service_")) and name not in ("description", "owner")


def count_newer(link: dict[str, Any], tags: list[str]) -> int:
    """Return the number of releases after a commit that is not a release."""
    with tempfile.TemporaryDirectory() as clone:
        tool.run_command("git", "clone", "--quiet", "--bare", "--filter=blob:none", link["template"], clone)
        merged = tool.run_command("git", "tag", "--merged", link["commit"], folder=clone).split()
    return len([tag for tag in tags if tag not in merged])


def count_lines(diff: str) -> int:
    """Return the number of lines that a diff adds or removes."""
    return len(re.findall(r"^[+-](?!\+\+ |-- )", diff, re.M))


def try_update(service: Path, tag: str, commit: str) -> list[str]:
    """Update a clone of the service's last commit; return the paths in conflict."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch, "service")
        tool.run_command("git", "clone", "--quiet", str(service), str(clone))
        conflicts: list[str] = tool.apply_update(clone, tag, commit)
    return conflicts
