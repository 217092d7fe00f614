"""What crosses files, on applications in which any three answers meet: each builds, answers, and its types hold."""

import importlib
import itertools
import multiprocessing
import os
import subprocess
import sys

import pytest

from tests import contract, harness

# Each service's process is forked from one that has these: only its own code is left to import.
LIBRARIES = ["flask_smorest", "flask_migrate", "flask_sqlalchemy", "environs", "openapi_spec_validator"]

# Any three answers meet in these; the rest, which adds every way that create_app is wired, is of `make proof`.
FEW = harness.applications(3)
WIRED = [harness.default(**answers) for answers in harness.possible(harness.wiring())]
APPLICATIONS = [
    *FEW,
    *(pytest.param(one, marks=pytest.mark.proof) for one in WIRED if one not in FEW),
]


def in_child(function, *args):
    """Run `function` in a process of its own, which may import a service's `app`; return its result."""
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(LIBRARIES)
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=send_result, args=(sender, function, *args))
    child.start()
    sender.close()
    succeeded, result = receiver.recv()
    child.join()
    assert succeeded, result
    return result


def send_result(sender, function, *args):
    try:
        sender.send((True, function(*args)))
    except BaseException as error:
        sender.send((False, f"{type(error).__name__}: {error}"))


def answer_routes(folder) -> int:
    """Build the service in `folder`, migrate its database if it has one, and ask it for everything."""
    import openapi_spec_validator

    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ["APP_ENV"] = "development"
    os.environ.pop("DATABASE_URL", None)
    application = importlib.import_module("wsgi").application
    if "migrate" in application.extensions:
        from flask_migrate import upgrade

        with application.app_context():
            upgrade()
    # Cookies are sent with the headers.
    client = application.test_client(use_cookies=False)

    def ask(method, path, body, headers):
        sent = {} if body is None else {"json": body}
        response = client.open(path, method=method, headers=headers, **sent)
        return contract.Answer(response.status_code, dict(response.headers), response.get_json(silent=True))

    def flask(arguments, more):
        result = application.test_cli_runner().invoke(args=arguments, env=more)
        assert result.exit_code == 0, result.output
        return result.output

    asked = contract.check(ask, contract.sign_in(ask, flask))
    openapi_spec_validator.validate(client.get("/openapi.json").get_json())
    return asked


@pytest.mark.parametrize("answers", APPLICATIONS, ids=harness.behavior_label)
def test_the_application_builds_answers_its_routes_and_describes_them(answers, tmp_path):
    folder = harness.write(harness.render(answers), tmp_path / "service")
    assert in_child(answer_routes, folder) > 6


def test_the_sample_has_any_three_answers_together():
    for chosen in itertools.combinations(harness.behavioral(), 3):
        for answers in harness.possible(chosen):
            assert any(answers.items() <= one.items() for one in FEW), answers


def check_types(applications, folder) -> None:
    """Check one service after another in one folder: mypy looks again only at what differs."""
    for answers in applications:
        harness.rewrite(harness.render(answers), folder)
        result = subprocess.run(
            [sys.executable, "-m", "mypy"], cwd=folder, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, f"{harness.behavior_label(answers)}\n{result.stdout}{result.stderr}"


def test_types_hold(tmp_path, record_property):
    check_types(FEW, tmp_path / "service")
    record_property("summary", f"Types: {len(FEW)} applications, any three answers together.")


@pytest.mark.proof
def test_types_hold_in_every_application(tmp_path):
    check_types(harness.applications(), tmp_path / "service")
