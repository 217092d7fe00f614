"""Services that are linked to the template by cruft, as teams have them: in git, and updated."""

import contextlib
import copy
import io
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import cruft

from tests import harness

IDENTITY = ["-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false"]


def git(folder: Path, *arguments: str) -> str:
    """Run git; raises with what it said when it fails."""
    command = ["git", *IDENTITY, *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"git {' '.join(arguments)}\n{result.stdout}{result.stderr}"
    return result.stdout


def commit(folder: Path, message: str = "Change something") -> str:
    """Commit all that is there; return the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD").strip()


def overlay(folder: Path) -> None:
    """Copy the template as it is here, tracked or about to be, into `folder`."""
    listed = git(harness.ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in listed.split("\0"):
        source = harness.ROOT / name
        if name and source.exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)


def template(folder: Path) -> Path:
    """The template as it is here, as a repository of one commit."""
    folder.mkdir(parents=True, exist_ok=True)
    overlay(folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "Release")
    return folder


def create(repository: Path, folder: Path, answers: Mapping[str, Any], checkout: str | None = None) -> Path:
    """A service of that template, committed, in `folder`."""
    given = {**harness.TEXT, **answers}
    made = cruft.create(str(repository), output_dir=folder, extra_context=given, checkout=checkout)
    git(made, "init", "--quiet", "--initial-branch=main")
    commit(made, "Create the service")
    return made


def update(service: Path, answers: Mapping[str, Any] | None = None, checkout: str | None = None) -> list[str]:
    """Update by cruft, to other answers if given; return the paths that are in conflict."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert cruft.update(service, extra_context=dict(answers) if answers else None, checkout=checkout)
    return conflicts(service)


@contextlib.contextmanager
def rendered(commit: str) -> Iterator[None]:
    """Have cruft take trees that the suite rendered, and neither clone the template nor run cookiecutter twice.

    The rest of an update is cruft's own: what it skips, its diff, and how git merges that. cruft 2.16; that both
    ways give the same is proven by test_updates.py.
    """

    @contextlib.contextmanager
    def repository(*_: Any) -> Iterator[Any]:
        reset = {"reset": lambda **_: None, "object": SimpleNamespace(hexsha=commit)}
        yield SimpleNamespace(
            head=SimpleNamespace(**reset), submodule_update=lambda **_: None, working_dir="/nowhere"
        )

    def generate(state: dict[str, Any], _: str, __: Path, ___: bool, folder: Path) -> dict[str, Any]:
        context = state["context"]["cookiecutter"]
        answers = {prompt: context[prompt] for prompt in harness.choices()}
        harness.write(harness.render(answers), folder)
        return copy.deepcopy(state["context"])

    with (
        mock.patch("cruft._commands.utils.cookiecutter.get_cookiecutter_repo", repository),
        mock.patch("cruft._commands.utils.generate._generate_output", generate),
    ):
        yield


def create_rendered(link: Mapping[str, Any], folder: Path, answers: Mapping[str, Any]) -> Path:
    """What `create` makes, without cookiecutter; `link` is the .cruft.json of another service of the template."""
    service = harness.write(harness.render(answers), folder)
    context = {"cookiecutter": {**link["context"]["cookiecutter"], **answers}}
    (service / ".cruft.json").write_text(json.dumps({**link, "context": context}, indent=2))
    git(service, "init", "--quiet", "--initial-branch=main")
    commit(service, "Create the service")
    return service


def conflicts(service: Path) -> list[str]:
    """The paths that git could not merge, and what it rejected."""
    unmerged = {line.split("\t")[1] for line in git(service, "ls-files", "--unmerged").splitlines()}
    rejected = {path.relative_to(service).as_posix() for path in service.rglob("*.rej")}
    return sorted(unmerged | rejected)


def tree(service: Path) -> dict[str, bytes]:
    """Its files, but for git's and cruft's own."""
    return {
        name: content
        for name, content in harness.read(service).items()
        if not name.startswith(".git/") and name != ".cruft.json"
    }


def commit_of(service: Path) -> str:
    """The template's commit that the service is at."""
    return json.loads((service / ".cruft.json").read_text())["commit"]
