"""Cookiecutter itself makes what the harness says, the same bytes wherever and whenever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter as cookiecutter_main

from tests import harness

# Of how many combinations, in how many parts for the suite's processes to share.
COMBINATIONS = 200
SHARES = 8

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


@pytest.mark.parametrize("answers", harness.covering(2), ids=harness.label)
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

    made = tmp_path / "here" / "made" / "widget-depot"
    assert [path for path in made.rglob("*") if path.is_dir() and not any(path.iterdir())] == []
    expected = harness.render(answers)
    assert harness.read(made) == expected
    assert harness.read(tmp_path / "some" / "where else" / "made" / "widget-depot") == expected


@pytest.mark.parametrize("share", range(SHARES))
def test_cookiecutter_writes_what_the_suite_proves(share, tmp_path):
    """Any combination is, byte for byte, put together from files that are each rendered for their own answers."""
    for number, answers in enumerate(harness.sample(COMBINATIONS, seed=4)[share::SHARES]):
        made = cookiecutter_main(
            str(harness.ROOT),
            no_input=True,
            output_dir=tmp_path / str(number),
            default_config=True,
            extra_context={**harness.TEXT, **answers},
        )
        assert harness.read(Path(made)) == harness.render(answers), answers


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
