"""The proof itself: a fault is put into a copy of the template, and the suite must find it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import linked

pytestmark = pytest.mark.proof

SERVICE = "{{cookiecutter.service_slug}}"


def append(name: str, text: str) -> Callable[[Path], None]:
    def mutate(template: Path) -> None:
        path = template / name
        path.write_text(path.read_text() + text)

    return mutate


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def mutate(template: Path) -> None:
        path = template / name
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new, 1))

    return mutate


# What is done to the template, and the test of `make test` that has to fail of it.
MUTANTS = {
    "a word of a pruned piece, in one file, under three answers": (
        append(
            f"{SERVICE}/Dockerfile",
            '{% if cookiecutter.database == "none" and cookiecutter.ci == "gitlab"'
            ' and cookiecutter.auth == "jwt" %}\n# No PostgreSQL.\n{% endif %}\n',
        ),
        "test_every_combination.py::test_no_word_of_a_pruned_piece_is_left",
    ),
    "a file that reads the answers as a whole": (
        append(
            f"{SERVICE}/Dockerfile",
            '{% set answers = cookiecutter %}\n{% if answers.ci == "none" %}\n# Alone.\n{% endif %}\n',
        ),
        "test_pieces.py::test_every_file_is_in_some_service_and_no_file_is_a_shell_of_its_piece",
    ),
    "a hook that changes a file by a prompt which the file does not read": (
        replace(
            "hooks/post_gen_project.py",
            "    prune(Path.cwd(), ANSWERS)\n",
            "    prune(Path.cwd(), ANSWERS)\n"
            '    if ANSWERS["ci"] == "gitlab":\n'
            '        Path("wsgi.py").write_text(Path("wsgi.py").read_text() + "# GitLab\\n")\n',
        ),
        "test_generation.py::test_cookiecutter_writes_what_the_suite_proves",
    ),
    "a type error under three answers": (
        append(
            f"{SERVICE}/app/config.py",
            '{% if cookiecutter.database == "mysql" and cookiecutter.auth == "session"'
            ' and cookiecutter.tracing == "none" %}\n\nWRONG: int = ""\n{% endif %}\n',
        ),
        "test_behaviour.py::test_types_hold",
    ),
    "an application that does not build under three answers": (
        append(
            f"{SERVICE}/app/config.py",
            '{% if cookiecutter.database == "mysql" and cookiecutter.auth == "jwt"'
            " and not cookiecutter.example %}\n\nassert 1 > 2\n{% endif %}\n",
        ),
        "test_behaviour.py::test_the_application_builds_answers_its_routes_and_describes_them",
    ),
    "a format error under one answer": (
        append(
            f"{SERVICE}/app/config.py",
            '{% if cookiecutter.auth == "session" %}\n\n\n\nX = 1\n{% endif %}\n',
        ),
        "test_every_combination.py::test_style_and_format_are_clean",
    ),
    "a flip that leaves what it should change": (
        replace(f"{SERVICE}/pyproject.toml", "skip = [\n", 'skip = [\n    "README.md",\n'),
        "test_updates.py::test_every_single_answer_can_be_changed",
    ),
}


@pytest.mark.parametrize(("mutate", "test"), MUTANTS.values(), ids=MUTANTS)
def test_the_suite_finds(mutate, test, tmp_path):
    template = tmp_path / "template"
    linked.overlay(template)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not proof", f"tests/{test}"]

    def run() -> subprocess.CompletedProcess:
        return subprocess.run(command, cwd=template, capture_output=True, text=True, check=False)

    mutate(template)
    linked.git(template, "init", "--quiet")
    found = run()
    assert found.returncode == 1, found.stdout[-2000:]
    assert f"FAILED tests/{test}" in found.stdout
    shutil.rmtree(template)
