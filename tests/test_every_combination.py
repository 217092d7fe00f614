"""What holds in every combination of answers, and file by file: laws 1 to 4 of docs/design.md."""

import json
import re
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from tests import harness, servers

COMBINATIONS = harness.combinations()


@pytest.fixture(scope="module")
def variants() -> list[tuple[str, bytes, dict]]:
    return list(harness.variants())


def test_there_are_combinations():
    total = 1
    for answers in harness.choices().values():
        total *= len(answers)
    assert 1 < len(COMBINATIONS) <= total


def test_no_templating_is_left(variants):
    # Prometheus, Grafana, GitHub (${{ }}) and the service itself have templates of their own.
    own = ("app/docs/templates/", "deploy/")
    left = [
        (name, answers)
        for name, content, answers in variants
        if re.search(rb"\{%|\{#|cookiecutter(?!==)", content)
        or (not name.startswith(own) and re.search(rb"(?<!\$)\{\{", content))
    ]
    assert left == []


def test_text_files_are_not_empty_and_end_in_one_newline(variants):
    wrong = [
        (name, answers)
        for name, content, answers in variants
        if not re.search(rb"\S\n\Z", content) or b"\r" in content or re.search(rb"[ \t]\n", content)
    ]
    assert wrong == []


def test_no_blank_lines_are_left_where_a_piece_was(variants):
    # ruff sees to Python; elsewhere a pruned block must not leave a gap behind.
    wrong = [
        (name, answers)
        for name, content, answers in variants
        if not name.endswith((".py", ".py.mako")) and (b"\n\n\n" in content or content[:1] == b"\n")
    ]
    assert wrong == []


def test_every_python_file_compiles(variants):
    for name, content, _ in variants:
        if name.endswith(".py"):
            compile(content, name, "exec")


def test_every_toml_yaml_and_json_file_parses(variants):
    parsers = {
        ".toml": lambda content: tomllib.loads(content.decode()),
        ".yaml": yaml.safe_load,
        ".yml": yaml.safe_load,
        ".json": json.loads,
    }
    parsed = [
        parsers[suffix](content) for name, content, _ in variants if (suffix := Path(name).suffix) in parsers
    ]
    assert parsed
    assert all(parsed)


def test_style_and_format_are_clean(variants, tmp_path):
    """Each different Python file once, under the settings of its service."""
    copies: defaultdict[str, int] = defaultdict(int)
    settings = set()
    for name, content, _ in variants:
        if name == "pyproject.toml":
            settings.add(json.dumps(tomllib.loads(content.decode())["tool"]["ruff"]))
            (tmp_path / name).write_bytes(content)
        elif name.endswith(".py"):
            harness.write({name: content}, tmp_path / f"variant{copies[name]}")
            copies[name] += 1
    assert len(settings) == 1, "the services disagree on ruff's settings"
    # Where first-party modules lie, for each variant.
    sources = json.dumps([f"variant{number}" for number in range(max(copies.values()))])
    for command in (["check", f"--config=src={sources}"], ["format", "--diff"]):
        result = subprocess.run(
            [servers.BIN / "ruff", *command, "--no-cache", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("answers", COMBINATIONS, ids=harness.label)
def test_no_word_of_a_pruned_piece_is_left(answers):
    tree = harness.render(answers)
    words = {
        word for piece in harness.pieces() if not harness.is_kept(piece, answers) for word in piece["words"]
    }
    left = [
        (word, name, line)
        for name, content in tree.items()
        if name != "constraints.txt"  # one superset, the same in every service
        for line in [name, *content.decode().splitlines()]
        for word in words
        if re.search(rf"(?<![a-z]){word}", line.lower())
    ]
    assert left == []


def test_constraints_are_the_same_in_every_service_and_hold_every_dependency():
    files = {harness.render(answers)["constraints.txt"] for answers in COMBINATIONS}
    assert len(files) == 1
    lines = files.pop().decode().splitlines()
    assert all(re.fullmatch(r"[a-z0-9.-]+==[a-z0-9.]+", line) for line in lines)
    pinned = {line.split("==")[0] for line in lines}
    for answers in COMBINATIONS:
        project = tomllib.loads(harness.render(answers)["pyproject.toml"].decode())
        wanted = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["dev"]
        wanted += project["build-system"]["requires"]
        assert {re.split(r"[\[>=<~!; ]", line)[0].lower() for line in wanted} <= pinned
