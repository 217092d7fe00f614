"""Files for other programs are what those programs take: each different rendering, without a network."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import harness, yamls

SUFFIXES = (".yaml", ".yml")

# By path in a service: the schema that check-jsonschema brings along for it.
SCHEMAS = {
    r"\.gitlab-ci\.yml": ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    r"\.github/workflows/.*\.yml": ["--builtin-schema", "vendor.github-workflows"],
    r"compose\.yaml": ["--builtin-schema", "vendor.compose-spec"],
}


@pytest.fixture(scope="module")
def variants() -> list[tuple[str, bytes, dict]]:
    return list(harness.variants())


def validate(schema: list[str], files: list[Path]) -> subprocess.CompletedProcess:
    """Run check-jsonschema on files."""
    command = [sys.executable, "-m", "check_jsonschema", *schema, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("pattern", SCHEMAS)
def test_a_file_for_another_program_follows_its_schema(pattern, variants, tmp_path):
    files = []
    for number, (name, content, _) in enumerate(variants):
        if re.fullmatch(pattern, name):
            harness.write({f"{number}-{Path(name).name}": content}, tmp_path)
            files.append(tmp_path / f"{number}-{Path(name).name}")
    assert files
    result = validate(SCHEMAS[pattern], files)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_templates_own_workflows_follow_their_schema():
    files = sorted((harness.ROOT / ".github" / "workflows").glob("*.yml"))
    assert files
    result = validate(SCHEMAS[r"\.github/workflows/.*\.yml"], files)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_schema_refuses_what_its_program_refuses(tmp_path):
    """That the check can fail: a job that GitLab would take for the pipeline's image."""
    wrong = tmp_path / "gitlab.yml"
    wrong.write_text("image:\n  image: docker:28\n  script: [make image]\n")
    assert validate(SCHEMAS[r"\.gitlab-ci\.yml"], [wrong]).returncode == 1


def test_no_yaml_file_has_a_key_twice(variants):
    parsed = [yamls.load(content) for name, content, _ in variants if name.endswith(SUFFIXES)]
    assert parsed
    assert all(parsed)


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: 1\n'a': 2\n", "b:\n  - {a: 1, a: 2}\n", "1: a\n1: b\n"])
def test_a_key_that_stands_twice_is_found(text):
    with pytest.raises(yaml.YAMLError, match="twice"):
        yamls.load(text)


def test_merged_keys_are_no_duplicates():
    assert yamls.load("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n")["b"] == {"x": 2}


def test_every_heading_has_a_blank_line_before_and_after_it(variants):
    wrong = []
    for name, content, answers in variants:
        if not name.endswith(".md"):
            continue
        text = re.sub(r"^```.*?^```$", "", content.decode(), flags=re.M | re.S)
        lines = ["", *text.splitlines(), ""]
        wrong += [
            (name, line, answers)
            for before, line, after in zip(lines, lines[1:], lines[2:], strict=False)
            if re.match(r"#+ ", line) and (before or after)
        ]
    assert wrong == []


def test_no_tag_takes_the_end_of_its_line_along():
    """With trim_blocks, Jinja removes the newline after a tag: it may end only a line of its own."""
    wrong = [
        f"{name}: {line}"
        for name in harness.template_files()
        for line in (harness.TEMPLATE / name).read_text().splitlines()
        if re.search(r"\S.*\{%.*%\}$", line)
    ]
    assert wrong == []
