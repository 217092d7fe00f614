"""What holds in every combination of answers: laws 1 to 4 of docs/design.md.

A file can vary only with the prompts that its source and its rows of the pruning table mention. So each file is
proven under every answer to those, which proves every combination: at a cost that grows with files.
"""

import json
import math
import random
import re
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from tests import harness, servers
from tests.residue import WORDS


@pytest.fixture(scope="module")
def variants() -> list[tuple[str, bytes, dict]]:
    return list(harness.variants())


def test_every_combination_is_made_of_what_is_proven_here(variants, record_property):
    combinations, files = harness.combinations(), harness.template_files()
    renderings = sum(1 for _ in harness.factors())
    assert 1 < len(combinations) <= math.prod(map(len, harness.choices().values()))
    proven = {(name, content) for name, content, _ in variants}
    for answers in harness.sample(200, seed=1):
        assert set(harness.render(answers).items()) <= proven
    record_property(
        "summary",
        f"Laws: {len(files)} files, {renderings} renderings, {len(variants)} of them different, make all of"
        f" {len(combinations)} combinations.",
    )


def test_the_conflicts_that_the_suite_derives_are_the_hooks():
    for answers in harness.covering(2):
        assert harness.refusal(answers) is None
    for answers in random.Random(2).choices(list(harness.products(harness.choices())), k=100):
        assert (harness.refusal(answers) is None) == harness.is_possible(answers), answers


def test_no_templating_is_left(variants):
    # Prometheus, Grafana, GitHub (${{ }}) and the service itself have templates of their own.
    own = ("app/docs/templates/", "deploy/")
    left = [
        (name, answers)
        for name, content, answers in variants
        if re.search(rb"\{%|\{#", content)
        # The answers, under the key that cruft reads.
        or (name != ".template.json" and re.search(rb"cookiecutter(?!==)", content))
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
    wrong = []
    for name, content, answers in variants:
        text = re.sub(rb"^```python\n.*?^```", b"code", content, flags=re.MULTILINE | re.DOTALL)
        if not name.endswith((".py", ".py.mako", ".py.txt")) and (b"\n\n\n" in text or text[:1] == b"\n"):
            wrong.append((name, answers))
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


def test_no_word_of_a_pruned_piece_is_left():
    """A word may stand in a file only under answers that keep its piece for certain."""
    rows = [({"keep": keep}, re.compile("(?<![a-z])(?:" + "|".join(words) + ")")) for keep, words in WORDS]
    left, seen = [], 0
    for name, answers, content in harness.factors():
        # One superset, the same in every service; and the answers themselves.
        if content is None or name in ("constraints.txt", ".template.json"):
            continue
        lines = [name, *content.decode().lower().splitlines()]
        for piece, words in rows:
            if not harness.is_certain(piece, answers):
                seen += 1
                left += [(answers, name, line) for line in lines if words.search(line)]
    assert seen > len(harness.template_files())
    assert left == []


def test_constraints_are_the_same_in_every_service_and_hold_every_dependency():
    assert harness.prompts_of("constraints.txt") == ()
    lines = harness.render_file("constraints.txt", {}).decode().splitlines()
    assert all(re.fullmatch(r"[a-z0-9.-]+==[a-z0-9.]+", line) for line in lines)
    pinned = {line.split("==")[0] for line in lines}
    for answers in harness.possible(harness.prompts_of("pyproject.toml")):
        project = tomllib.loads(harness.render_file("pyproject.toml", answers).decode())
        wanted = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["dev"]
        wanted += project["build-system"]["requires"]
        assert {re.split(r"[\[>=<~!; ]", line)[0].lower() for line in wanted} <= pinned


def test_python_versions_are_what_the_answers_say():
    for answers in harness.possible(["python_version"]):
        version = answers["python_version"]
        tree = harness.render(answers)
        assert f"FROM python:{version}-slim".encode() in tree["Dockerfile"]
        project = tomllib.loads(tree["pyproject.toml"].decode())["project"]
        assert project["requires-python"] == ">=3.11"
        # Whatever the answer, the code runs on each of them.
        assert [
            choice
            for choice in harness.choices()["python_version"]
            if f"Programming Language :: Python :: {choice}" in project["classifiers"]
        ] == harness.choices()["python_version"]
