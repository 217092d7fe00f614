"""What is told of one service. It is only read: an update is tried on a clone."""

import importlib.util
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

CRUFT = str(Path(sys.executable).with_name("cruft"))
# The services' own tool, which knows what a release is, and what is a conflict.
TOOL = Path(__file__).parents[1] / "{{cookiecutter.service_slug}}" / "tools" / "template.py"
spec = importlib.util.spec_from_file_location("template_tool", TOOL)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
os.environ.setdefault("CRUFT", CRUFT)


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


def find_services(folder: Path) -> list[Path]:
    """The services that `folder` is or has in it."""
    if (folder / ".cruft.json").exists():
        return [folder.resolve()]
    return sorted(path.parent.resolve() for path in folder.glob("*/.cruft.json"))


def read_status(service: Path) -> Status:
    """How the service stands."""
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
            drift=count_lines(tool.run(CRUFT, "diff", folder=service)),
            conflicts=try_update(service, *releases[-1]),
        )
    except (tool.Cannot, OSError, LookupError, ValueError) as error:
        return Status(service=service.name, problem=str(error).splitlines()[-1])


def is_choice(name: str) -> bool:
    """Whether the answer says what the service has, and not what it is called."""
    return not name.startswith(("_", "service_")) and name not in ("description", "owner")


def count_newer(link: dict[str, Any], tags: list[str]) -> int:
    """How many releases there are after a commit that is none itself."""
    with tempfile.TemporaryDirectory() as clone:
        tool.run("git", "clone", "--quiet", "--bare", "--filter=blob:none", link["template"], clone)
        held = tool.run("git", "tag", "--merged", link["commit"], folder=clone).split()
    return len([tag for tag in tags if tag not in held])


def count_lines(diff: str) -> int:
    """The lines that a diff adds or removes."""
    return len(re.findall(r"^[+-](?!\+\+ |-- )", diff, re.M))


def try_update(service: Path, tag: str, commit: str) -> list[str]:
    """Update a clone of the service's last commit; return the paths in conflict."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch, "service")
        tool.run("git", "clone", "--quiet", str(service), str(clone))
        conflicts: list[str] = tool.apply(clone, tag, commit)
    return conflicts
