"""A service made by plain cookiecutter is linked to its template by one command, which asks nothing."""

import json

import pytest
from cookiecutter.main import cookiecutter

from tests import harness, linked, servers
from tests.test_updates import IDENTITY

ANSWERS = {"database": "none", "example": False, "ci": "gitlab"}


def template_py(service, *arguments):
    return servers.run(service, "python", "tools/template.py", *arguments, CRUFT="cruft", **IDENTITY)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = linked.template(tmp_path_factory.mktemp("link") / "template")
    version = json.loads((folder / "cookiecutter.json").read_text())["_template_version"]
    linked.git(folder, "tag", f"v{version}")
    (folder / "{{cookiecutter.service_slug}}" / "NEWS.md").write_text("# News\n")
    linked.commit(folder, "Release more")
    linked.git(folder, "tag", "v9.0.0")
    return folder


@pytest.fixture
def service(tmp_path):
    given = {**harness.TEXT, **ANSWERS}
    made = cookiecutter(str(harness.ROOT), no_input=True, extra_context=given, output_dir=str(tmp_path))
    linked.git(made, "init", "--quiet", "--initial-branch=main")
    linked.commit(made, "Create the service")
    return tmp_path / "widget-depot"


def test_the_answers_of_every_service_are_in_a_file_of_their_own():
    prompts = json.loads((harness.ROOT / "cookiecutter.json").read_text())
    for answers in (harness.default(**harness.TEXT), harness.smallest() | harness.TEXT):
        kept = json.loads(harness.render(answers)[".template.json"])["cookiecutter"]
        assert kept.pop("_template_version") == prompts["_template_version"]
        assert kept.pop("_template_url") == prompts["_template_url"]
        assert kept.keys() == {name for name in prompts if not name.startswith("_")}
        assert {prompt: kept[prompt] for prompt in answers} == answers


def test_a_linked_service_takes_a_release_and_another_answer(template, service):
    assert template_py(service, "check").returncode == 3
    linking = template_py(service, "link", "--template", str(template))
    assert linking.returncode == 0, linking.stderr
    linked.commit(service, "Link the service")
    assert "v9.0.0 is available" in template_py(service, "check").stdout

    update = template_py(service, "update", "--answers", '{"ci": "github"}')
    assert update.returncode == 0, update.stdout + update.stderr
    assert (service / "NEWS.md").read_text() == "# News\n"
    made = harness.render({**harness.TEXT, **harness.default(**ANSWERS), "ci": "github"})
    assert {name: content for name, content in linked.tree(service).items() if name != "NEWS.md"} == made


def test_what_cannot_be_linked_is_told_in_one_line(template, service):
    kept = service / ".template.json"
    kept.write_text(kept.read_text().replace('"_template_version": "', '"_template_version": "7.'))
    unknown = template_py(service, "link", "--template", str(template))
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (3, 1)
    assert "no release v7." in unknown.stderr
    assert not (service / ".cruft.json").exists()
    linked.git(service, "checkout", "--quiet", ".template.json")
    kept.unlink()
    without = template_py(service, "link", "--template", str(template))
    assert (without.returncode, len(without.stderr.splitlines())) == (3, 1)
    linked.git(service, "checkout", "--quiet", ".template.json")
    assert template_py(service, "link", "--template", str(template)).returncode == 0
    again = template_py(service, "link", "--template", str(template))
    assert (again.returncode, again.stderr) == (3, f"This service is already linked to {template}.\n")
