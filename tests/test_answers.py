"""Wrong answers are refused in one line and leave nothing behind; odd ones work wherever they land."""

import json
import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import harness, yamls
from tests.test_generation import cookiecutter

REFUSED = [
    ("service_slug", "Order_Service"),
    ("service_slug", "9lives"),
    ("service_slug", "-orders"),
    ("service_slug", "orders-"),
    ("service_slug", "a" * 64),
    ("service_slug", "orders.v2"),
    ("service_slug", "commandes-é"),
    ("service_name", ""),
    ("service_name", "   "),
    ("service_name", "!!!"),
    ("service_name", "3D Printing"),
    ("service_name", 'The "Best" Service'),
    ("service_name", "A" * 64),
    ("service_name", "two\nlines"),
    ("description", 'Says "hello".'),
    ("description", "C:\\orders"),
    ("description", "One.\nTwo."),
    ("description", "Tab\there."),
    ("owner", "{% raw %}{{ team }}{% endraw %}"),
    ("owner", "bell\a"),
    ("description", "Half a pair: \ud83d"),  # last: no command line can say it
]
ACCEPTED = [
    ("service_name", "Ünïcode Sérvice"),
    ("service_name", "Bob's Orders & Payments <beta>"),
    ("service_name", "订单服务"),
    ("service_name", "Zażółć gęślą jaźń 🚀 orders"),
    ("service_name", "x" * 63),
    ("description", "It's 100% ready: #1, $HOME, ${HOME}, `make`, [x](y) | <b> & 'quotes' 👩‍👩‍👧"),
    ("description", "- not: a list"),
    ("description", "x" * 500),
    ("owner", "R&D / Ops (Zürich) 🐟 #7"),
    ("owner", "null"),
]


@pytest.mark.parametrize(("prompt", "answer"), REFUSED, ids=range(len(REFUSED)))
def test_a_wrong_answer_is_refused_in_one_line(prompt, answer):
    said = harness.refusal({prompt: answer})
    assert said is not None
    assert said.startswith(("service_slug", prompt))
    assert "\n" not in said


@pytest.mark.parametrize("name", ["", "   ", "A" * 64, 'The "Best" Service'])
def test_a_wrong_name_is_refused_as_the_name_though_the_slug_comes_from_it(name):
    assert harness.refusal({"service_name": name}).startswith("service_name must be ")


@pytest.mark.parametrize(("prompt", "answer"), REFUSED[:-1], ids=range(len(REFUSED) - 1))
def test_a_refusal_leaves_nothing_behind(prompt, answer, tmp_path):
    result = cookiecutter(tmp_path, {prompt: answer})
    assert result.returncode == 1
    (said,) = result.stderr.splitlines()
    assert said.startswith(("service_slug", prompt))
    made = tmp_path / "made"
    assert not made.exists() or list(made.iterdir()) == []


def test_sessions_without_a_database_are_refused_in_one_line_that_says_the_way_out(tmp_path):
    result = cookiecutter(tmp_path, {"auth": "session", "database": "none"})
    assert result.returncode == 1
    (said,) = result.stderr.splitlines()
    assert said.startswith("auth session and database none cannot be combined: ")
    assert "jwt or none" in said
    made = tmp_path / "made"
    assert not made.exists() or list(made.iterdir()) == []


@pytest.mark.parametrize(("prompt", "answer"), ACCEPTED, ids=range(len(ACCEPTED)))
def test_an_odd_answer_works_wherever_it_lands(prompt, answer):
    check({prompt: answer})


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=60)


@given(description=TEXT, owner=TEXT)
@example(description="{" + "{ x }" + "}", owner="}}")
@settings(max_examples=150, deadline=None)
def test_any_text_works_or_is_refused(description, owner):
    # What is typed reaches the hook as it is; what is given on the command line, cookiecutter renders first.
    answers = {
        "description": "{% raw %}" + description + "{% endraw %}",
        "owner": "{% raw %}" + owner + "{% endraw %}",
    }
    if "{%" in description + owner:
        return
    if harness.refusal(answers) is None:
        check(answers, description=description, owner=owner)


def check(answers, **expected):
    """The service parses wherever the text lands, and says it unchanged."""
    assert harness.refusal(answers) is None
    values = harness.context(answers)["cookiecutter"]
    expected = {key: values[key] for key in harness.TEXT} | expected
    tree = harness.render(answers)
    project = tomllib.loads(tree["pyproject.toml"].decode())["project"]
    assert project["description"] == expected["description"]
    assert project["authors"] == [{"name": expected["owner"]}]
    namespace: dict = {}
    line = next(line for line in tree["app/config.py"].decode().splitlines() if "API_TITLE" in line)
    exec(line.strip(), namespace)
    assert namespace["API_TITLE"] == expected["service_name"]
    assert expected["description"] in tree["README.md"].decode()
    for name, content in tree.items():
        if not any(map(harness.reads_text, harness.sources_of(name))):  # the same whatever is answered
            continue
        if name.endswith((".yaml", ".yml")):
            yamls.load(content)
        if name.endswith(".json"):
            json.loads(content)
        if name.endswith(".py"):
            compile(content, name, "exec")
