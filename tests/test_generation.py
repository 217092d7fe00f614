"""Cookiecutter itself makes what the harness says, the same bytes wherever and whenever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import harness

ELSEWHERE = Path(__file__).parent / "elsewhere"


def cookiecutter(folder: Path, answers: harness.Answers, **environment: str) -> subprocess.CompletedProcess:
    """Run the real command in `folder`, with a home directory of its own."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    given = [f"{key}={value}" for key, value in answers.items()]
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(harness.ROOT), "--no-input", "-o", "made", *given],
        cwd=folder,
        env={**os.environ, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("answers", harness.pairwise(), ids=harness.label)
def test_generation_is_a_pure_function_of_the_answers(answers, tmp_path):
    """In another folder, at another time, without network, under other settings: the same bytes."""
    given = {**harness.TEXT, **answers}
    first = cookiecutter(tmp_path / "here", given)
    assert first.returncode == 0, first.stderr
    second = cookiecutter(
        tmp_path / "some" / "where else",
        given,
        PYTHONPATH=str(ELSEWHERE),
        PYTHONHASHSEED="7",
        TZ="Asia/Kolkata",
        LC_ALL="C",
    )
    assert second.returncode == 0, second.stderr

    expected = harness.render(answers)
    assert harness.read(tmp_path / "here" / "made" / "widget-depot") == expected
    assert harness.read(tmp_path / "some" / "where else" / "made" / "widget-depot") == expected


@pytest.mark.parametrize("answers", harness.pairwise(), ids=harness.label)
def test_no_empty_folder_is_left(answers, tmp_path):
    made = tmp_path / "made" / "widget-depot"
    assert cookiecutter(tmp_path, {**harness.TEXT, **answers}).returncode == 0
    assert [path for path in made.rglob("*") if path.is_dir() and not any(path.iterdir())] == []


def test_it_says_what_was_made_and_what_to_type_next(tmp_path):
    result = cookiecutter(tmp_path, {})
    assert result.stdout.split("\n") == [
        "",
        "Created order-service. To serve it on http://127.0.0.1:8000:",
        "",
        "  cd order-service",
        "  make run",
        "",
        "",
    ]
    assert result.stderr == ""


def test_an_existing_folder_is_left_alone(tmp_path):
    mine = tmp_path / "made" / "order-service" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = cookiecutter(tmp_path, {})
    assert result.returncode != 0
    assert "already exists" in result.stderr + result.stdout
    assert list(mine.parent.iterdir()) == [mine]
