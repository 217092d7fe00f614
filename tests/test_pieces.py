"""The pruning table against the tree, both ways, and the limits on templating inside Python."""

import re

import pytest
from jinja2 import TemplateSyntaxError

from tests import harness

MAX_TAGS_IN_PYTHON = 60


def test_every_path_of_the_table_is_in_the_template():
    stale = [
        path
        for piece in harness.pieces()
        for path in piece["paths"]
        if not (harness.TEMPLATE / path).exists()
    ]
    assert stale == []


def test_no_file_is_executable_or_a_link():
    """cruft's patches would carry neither for certain."""
    odd = [
        path.name
        for path in harness.TEMPLATE.rglob("*")
        if path.is_symlink() or (path.is_file() and path.stat().st_mode & 0o111)
    ]
    assert odd == []


def test_every_condition_of_the_table_is_an_answer():
    choices = harness.choices()
    for piece in harness.pieces():
        for prompt, kept in piece["keep"].items():
            assert set(kept) < set(choices[prompt]), piece


def test_every_piece_and_every_answer_makes_a_difference():
    """No orphan: a table row that prunes nothing, a choice that changes nothing."""
    for prompt, answers in harness.choices().items():
        for answer in answers[1:]:
            assert harness.render(harness.default(**{prompt: answer})) != harness.render(harness.default()), (
                prompt,
                answer,
            )
    for piece in harness.pieces():
        assert piece["paths"] or piece["words"], piece
        assert not harness.is_certain(piece, {}), piece


def test_every_file_is_in_some_service_and_no_file_is_a_shell_of_its_piece():
    """No file that is in no service; none left with a docstring alone where its piece was pruned."""
    assert {name for name, _, _ in harness.variants()} == set(harness.template_files())
    for name, content, answers in harness.variants():
        if name.endswith(".py") and not name.endswith("__init__.py"):
            assert b"def " in content or b"class " in content or b"=" in content, (name, answers)


def test_every_word_is_said_where_its_piece_is_kept():
    """A residue word that a service with the piece never says would be a test that cannot fail."""
    for piece in harness.pieces():
        answers = next(answers for answers in harness.combinations() if harness.is_kept(piece, answers))
        text = "\n".join(
            f"{name}\n{content.decode()}"
            for name, content in harness.render(answers).items()
            if name != "constraints.txt"
        ).lower()
        for word in piece["words"]:
            assert re.search(rf"(?<![a-z]){word}", text), word


@pytest.mark.parametrize(
    "source",
    [
        "{% set answers = cookiecutter %}{{ answers.ci }}",
        "{{ cookiecutter | jsonify }}",
        "{{ cookiecutter[prompt] }}",
        "{% set prompt = 'ci' %}{{ cookiecutter[prompt] }}",
        "{% for answer in cookiecutter.values() %}{{ answer }}{% endfor %}{{ cookiecutter }}",
        "{% include 'other.txt' %}",
        "{% now 'utc' %}",
        "{{ random_ascii_string(5) }}",
        "{{ [1, 2] | random }}",
        "{{ _cookiecutter.ci }}",
    ],
)
def test_a_file_whose_answers_cannot_be_told_is_refused(source):
    with pytest.raises((harness.Undecidable, TemplateSyntaxError)):
        harness.variables(source)


def test_what_a_file_reads_is_told():
    read = harness.variables("{% if cookiecutter.database != 'none' %}{{ cookiecutter['ci'] }}{% endif %}")
    assert read == {"database", "ci"}


def test_python_is_hardly_templated():
    tags = 0
    for path in harness.TEMPLATE.rglob("*.py"):
        for line in path.read_text().splitlines():
            if "{%" in line:
                tags += line.count("{%")
                assert re.fullmatch(r"\s*\{% .* %\}", line), f"{path}: a tag takes a whole line"
    print(f"{tags} tags in the services' Python")
    assert tags <= MAX_TAGS_IN_PYTHON
