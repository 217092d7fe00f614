"""Every combination that makes a different application: it builds, answers, and its types hold."""

import importlib
import multiprocessing
import os
import subprocess
import sys

import pytest

from tests import contract, harness

# Each service's process is forked from one that has these: only its own code is left to import.
LIBRARIES = ["flask_smorest", "flask_migrate", "flask_sqlalchemy", "environs", "openapi_spec_validator"]

BEHAVIOURS = harness.behaviours()


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

    return contract.check(ask, contract.sign_in(ask, flask))


@pytest.mark.parametrize("answers", BEHAVIOURS, ids=harness.label)
def test_the_application_builds_and_answers_its_routes(answers, tmp_path):
    folder = harness.write(harness.render(answers), tmp_path / "service")
    assert in_child(answer_routes, folder) > 6


@pytest.mark.parametrize("answers", BEHAVIOURS, ids=harness.label)
def test_types_hold(answers, tmp_path, tmp_path_factory):
    folder = harness.write(harness.render(answers), tmp_path / "service")
    cache = tmp_path_factory.getbasetemp() / "mypy"
    result = subprocess.run(
        [sys.executable, "-m", "mypy", f"--cache-dir={cache}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("answers", BEHAVIOURS, ids=harness.label)
def test_openapi_is_valid(answers, tmp_path):
    folder = harness.write(harness.render(answers), tmp_path / "service")
    in_child(validate_openapi, folder)


def validate_openapi(folder) -> None:
    import openapi_spec_validator

    os.chdir(folder)
    sys.path.insert(0, str(folder))
    client = importlib.import_module("wsgi").application.test_client()
    openapi_spec_validator.validate(client.get("/openapi.json").get_json())
