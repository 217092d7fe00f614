"""The pruning table against the tree, both ways, and the limits on templating inside Python."""

import itertools
import re

import pytest
from jinja2 import TemplateSyntaxError

from tests import harness
from tests.residue import WORDS

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
        assert piece["paths"], piece
        assert not harness.is_certain(piece, {}), piece


def test_every_file_is_in_some_service_and_no_file_is_a_shell_of_its_piece():
    """No file that is in no service; none left with a docstring alone where its piece was pruned."""
    names = {harness.final_name(name) for name in harness.template_files()}
    assert {name for name, _, _ in harness.variants()} == names
    for name, content, answers in harness.variants():
        if name.endswith(".py") and not name.endswith("__init__.py"):
            assert b"def " in content or b"class " in content or b"=" in content, (name, answers)


def test_no_two_variants_of_a_file_are_kept_together():
    for one, other in itertools.combinations(harness.template_files(), 2):
        if harness.final_name(one) == harness.final_name(other):
            prompts = {*harness.prompts_of(one), *harness.prompts_of(other)}
            for answers in harness.possible(prompts):
                kept = [name for name in (one, other) if harness.render_file(name, answers) is not None]
                assert len(kept) < 2, (kept, answers)


def test_no_two_migrations_of_the_template_depend_on_an_order_that_their_names_do_not_give():
    """Of those with the same number, no service has two."""
    names = [name for name in harness.template_files() if name.startswith("migrations/template/")]
    assert len(names) > 5
    for one, other in itertools.combinations(names, 2):
        if one[:24] == other[:24]:
            for answers in harness.possible({*harness.prompts_of(one), *harness.prompts_of(other)}):
                kept = [name for name in (one, other) if harness.render_file(name, answers) is not None]
                assert len(kept) < 2, (kept, answers)


def test_every_answer_that_keeps_a_piece_has_words():
    """A new piece brings the words that prove it pruned."""

    def conditions(keeps):
        return {
            (prompt, answer)
            for keep in keeps
            for prompt, kept in keep.items()
            for answer in kept
            if answer not in ("none", False)
        }

    assert conditions(piece["keep"] for piece in harness.pieces()) <= conditions(keep for keep, _ in WORDS)


def test_every_word_is_said_where_its_piece_is_kept():
    """A residue word that a service with the piece never says would be a test that cannot fail."""
    for keep, words in WORDS:
        piece = {"keep": keep}
        answers = next(answers for answers in harness.combinations() if harness.is_kept(piece, answers))
        text = "\n".join(
            f"{name}\n{content.decode()}"
            for name, content in harness.render(answers).items()
            if name != "constraints.txt"
        ).lower()
        for word in words:
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
    """A variant is a file: no line holds a conditional expression."""
    tags = 0
    for path in harness.TEMPLATE.rglob("*.py"):
        for line in path.read_text().splitlines():
            assert not re.search(r"\{\{.*\bif\b.*\}\}", line), f"{path}: {line}"
            if "{%" in line:
                tags += line.count("{%")
                assert re.fullmatch(r"\s*\{% .* %\}", line), f"{path}: a tag takes a whole line"
    print(f"{tags} tags in the services' Python")
    assert tags <= MAX_TAGS_IN_PYTHON
