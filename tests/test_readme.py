"""Every command in both READMEs, extracted and run as written."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests import harness, linked, servers

pytestmark = pytest.mark.proof

# What this machine has fetched.
CACHES = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))

# Served in the background while the commands after it run, and stopped with Ctrl-C.
SERVE = {"make demo", "make run"}


def commands(text: str) -> list[str]:
    """The lines after a prompt in the console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


class Shell:
    """Runs commands one after another, in a folder, as a reader of the README would."""

    def __init__(self, folder, home) -> None:
        self.folder = folder
        self.port = str(servers.free_port())
        self.environment = servers.environment(HOME=str(home), PORT=self.port, PYTHON=sys.executable)
        # Nothing of this suite's own virtual environment.
        self.environment["PATH"] = os.pathsep.join(
            path for path in os.environ["PATH"].split(os.pathsep) if path != str(servers.BIN)
        )
        # Packages that were fetched before are not fetched again, types that were read are not read again, and
        # uv is installed; but for who starts from nothing.
        self.environment |= {"UV_CACHE_DIR": str(CACHES / "uv"), "PIP_CACHE_DIR": str(CACHES / "pip")}
        self.environment["MYPY_CACHE_DIR"] = str(home.parents[1] / "mypy")
        self.tools = home / "bin"
        self.tools.mkdir()
        (self.tools / "uv").symlink_to(servers.BIN / "uv")
        self.environment["PATH"] = f"{self.tools}{os.pathsep}{self.environment['PATH']}"
        self.server: subprocess.Popen | None = None

    def start_from_nothing(self) -> None:
        """Have no package, no tool and no cache at hand."""
        for variable in ("UV_CACHE_DIR", "PIP_CACHE_DIR", "MYPY_CACHE_DIR"):
            self.environment.pop(variable)
        (self.tools / "uv").unlink()

    def run(self, command: str) -> str:
        if command.startswith("cd "):
            self.folder = self.folder / command[3:]
            return ""
        if command in SERVE:
            self.serve(command)
            return ""
        command = command.replace(":8000", f":{self.port}")
        command = command.replace("curl ", "curl --fail-with-body ")
        variable = re.match(r"[A-Z]+(?==)", command)
        if variable:
            command += f' && printf %s "${variable[0]}"'
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"$ {command}\n{result.stdout[-5000:]}{result.stderr[-2000:]}"
        if variable:
            self.environment[variable[0]] = result.stdout
        return result.stdout

    def serve(self, command: str) -> None:
        self.server = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output: list[str] = []
        threading.Thread(target=lambda: self.output.extend(self.server.stdout), daemon=True).start()
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and self.server.poll() is None:
            try:
                if servers.request(int(self.port), "GET", "/health/live").status == 200:
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("".join(self.output))

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT to everything in the foreground."""
        os.killpg(self.server.pid, signal.SIGINT)
        self.server.wait(30)
        output = "".join(self.output)
        assert "Traceback" not in output, output
        with pytest.raises(OSError, match="refused"):
            servers.request(int(self.port), "GET", "/health/live")
        self.server = None


@pytest.fixture
def shell(tmp_path):
    (tmp_path / "home").mkdir()
    shell = Shell(tmp_path, tmp_path / "home")
    yield shell
    if shell.server is not None:
        os.killpg(shell.server.pid, signal.SIGKILL)


def clone(folder):
    """The template as a fresh clone of what git tracks, or would."""
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=harness.ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, files.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (harness.ROOT / name).exists():
            shutil.copy(harness.ROOT / name, target)
    return folder


def test_the_templates_readme(shell, tmp_path):
    shell.folder = clone(tmp_path / "clone")
    ran = 0
    for command in commands((harness.ROOT / "README.md").read_text()):
        if command == "pip install cruft":  # into an environment of its own, which then runs it
            shell.interrupt()
            shell.run(f"{shlex.quote(sys.executable)} -m venv {tmp_path}/venv")
            shell.environment["PATH"] = f"{tmp_path}/venv/bin:{shell.environment['PATH']}"
        if command.startswith("cruft create "):
            template = linked.template(tmp_path / "template")
            command = f"cruft create {shlex.quote(str(template))} --no-input"
        if command == "make test":  # this very suite
            shell.interrupt()
            shell.folder = tmp_path / "clone"
            command = "make -n test"
        shell.run(command)
        ran += 1
    assert ran == 11


@pytest.mark.parametrize(
    "changes",
    [{}, {"example": False}, {"auth": "session"}, {"database": "none"}, {"auth": "none"}],
    ids=str,
)
def test_a_services_readme(changes, shell, tmp_path):
    answers = harness.default(**changes)
    shell.folder = harness.write(harness.render(answers), tmp_path / "service")
    if not changes:
        shell.start_from_nothing()
    served = False
    for command in commands((shell.folder / "README.md").read_text()):
        if served and not re.match(r"curl|[A-Z]+=", command):
            shell.interrupt()
            served = False
        if command == "make test" and changes:  # the rest of its tests is run by test_services.py
            command = 'make test TESTS="-k health"'
        shell.run(command)
        served = served or command in SERVE
    assert "make run" in shell.run("make help")
    project = shell.folder / "pyproject.toml"
    project.write_text(
        project.read_text().replace("own = [\n", 'own = [\n    "humanize>=4",\n    "flask>=3",\n')
    )
    shell.run("make upgrade")
    pins = (shell.folder / "constraints.own.txt").read_text().splitlines()
    assert [re.sub(r"==[\d.]+$", "", pin) for pin in pins[1:]] == ["humanize"]
    shell.run("make .venv/installed && .venv/bin/python -c 'import humanize'")
    shell.run("make lint")


def test_a_second_demo_works_and_an_old_python_is_told_in_one_line(shell, tmp_path):
    shell.start_from_nothing()
    shell.folder = clone(tmp_path / "clone")
    for _ in range(2):
        shell.run("make demo")
        shell.interrupt()

    old = tmp_path / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    service = tmp_path / "clone" / ".demo" / "order-service"
    for target, folder in (("demo", clone(tmp_path / "another")), ("run", service)):
        shutil.rmtree(folder / ".venv", ignore_errors=True)
        result = subprocess.run(
            ["make", target, f"PYTHON={old}"],
            cwd=folder,
            env=shell.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode != 0
        said = [line for line in result.stderr.splitlines() if not line.startswith("make")]
        assert len(said) == 1
        assert "Python 3.11 or newer" in said[0]


def test_updating_as_it_is_written(shell, tmp_path):
    """From one release to the next, to another answer and back, by a newcomer."""
    template = linked.template(tmp_path / "template")
    changelog = (template / "CHANGELOG.md").read_text()
    linked.git(template, "tag", "v0.1.0")
    (template / "CHANGELOG.md").write_text(f"{changelog}\n## [0.2.0]\n\n### Updating\n\nNothing to do.\n")
    dockerfile = template / "{{cookiecutter.service_slug}}" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("--start-period=10s", "--start-period=20s"))
    linked.commit(template, "Release v0.2.0")
    linked.git(template, "tag", "v0.2.0")
    shell.environment["TESTS"] = "-k health"
    shell.environment |= dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Newcomer")
    shell.environment |= dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "newcomer@example.com")
    said = {}
    ran = commands((harness.ROOT / "docs" / "updating.md").read_text())
    for command in ran:
        if command == "pip install cruft":  # into an environment of its own, which then runs it
            shell.run(f"{shlex.quote(sys.executable)} -m venv {tmp_path}/venv")
            shell.environment["PATH"] = f"{tmp_path}/venv/bin:{shell.environment['PATH']}"
        url = "https://github.com/org/cookiecutter-flask-microservice"
        said[command] = shell.run(command.replace(url, f"{shlex.quote(str(template))} --no-input"))
        if command == "make test":
            assert " passed" in said[command]
    assert len(ran) == 19
    assert "Nothing to do." in said["make template-notes"]
    assert "The tests pass." in said["make template-rehearse"]
    assert "Updated to v0.2.0: 2 files changed" in said["make template-update"]
    assert said["git diff --exit-code HEAD~2"] == ""
    assert "start-period=20s" in (shell.folder / "Dockerfile").read_text()
    assert "Say hello" in shell.run("make help")
