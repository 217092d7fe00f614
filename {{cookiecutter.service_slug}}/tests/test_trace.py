"""The calls of a request, as `make trace` prints them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from threading import Thread
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from tools.trace import APP_PREFIX, ROOT, Call, count_files, count_returns, record_calls

# With room for request hooks that the service adds.
MOST_FILES = 12
MOST_FUNCTIONS = 40

SOURCES = {
    "one.py": """
def first(second):
    return [second(number) for number in (1, 2)]

def count():
    yield 1
    yield 2
""",
    "two.py": """
def second(number):
    return number
""",
}


@pytest.fixture
def app_functions() -> SimpleNamespace:
    """Return functions whose file names are in app/."""
    functions: dict[str, Callable[..., object]] = {}
    for name, source in SOURCES.items():
        exec(compile(source, f"{APP_PREFIX}{name}", "exec"), functions)
    return SimpleNamespace(**functions)


def test_calls_are_listed_below_their_callers(app_functions: SimpleNamespace) -> None:
    calls = record_calls(lambda: app_functions.first(app_functions.second))
    assert calls == [
        Call("app/one.py", 2, "first", 0),
        Call("app/two.py", 2, "second", 1),
        Call("app/two.py", 2, "second", 1),
    ]


def test_a_generator_is_listed_once(app_functions: SimpleNamespace) -> None:
    def alternate(numbers: Iterator[int]) -> None:
        for number in numbers:
            app_functions.second(number)

    calls = record_calls(lambda: alternate(app_functions.count()))
    assert [call.function for call in calls] == ["count", "second", "second"]


def test_a_thread_is_listed_where_it_is_started(app_functions: SimpleNamespace) -> None:
    def start() -> None:
        first, second = app_functions.first, app_functions.second
        threads = [Thread(target=first, args=(second,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        app_functions.second(0)
        for thread in threads:
            thread.join()

    calls = record_calls(start)
    assert [call.function for call in calls] == [*["first", "second", "second"] * 2, "second"]


def test_profiling_stops_after_an_exception(app_functions: SimpleNamespace) -> None:
    def fail() -> None:
        app_functions.second(1)
        raise LookupError

    before = sys.getprofile()
    with pytest.raises(LookupError):
        record_calls(fail)
    assert sys.getprofile() is before
    assert record_calls(int) == []


@pytest.mark.parametrize(
    ("files", "returns"), [("", 0), ("aab", 0), ("aba", 1), ("abab", 2), ("abbca", 1)]
)
def test_returns_are_calls_into_a_file_left_earlier(files: str, returns: int) -> None:
    calls = [Call(file, 1, "call", 0) for file in files]
    assert count_returns(calls) == returns
    assert count_files(calls) == len(set(files))


def test_a_probe_calls_few_functions(client: FlaskClient) -> None:
    calls = record_calls(lambda: client.get("/health/live"))
    assert "live" in [call.function for call in calls]
    assert calls[0].depth == 0
    assert len(calls) <= MOST_FUNCTIONS
    assert count_files(calls) <= MOST_FILES
    assert all((ROOT / call.file).is_file() for call in calls)


def test_the_script_prints_a_request() -> None:
    command = [sys.executable, "tools/trace.py", "post", "/health/live", "--json", "{}"]
    # Without the environment of the tests, because its resources are in use.
    result = subprocess.run(
        command, cwd=ROOT, env={"PATH": os.defpath}, capture_output=True, text=True, check=False
    )
    lines = result.stdout.strip().splitlines()
    assert result.returncode == 0, result.stdout + result.stderr
    assert lines[0] == "POST /health/live 405 METHOD NOT ALLOWED"
    assert lines[1].startswith("  1  app/")
    assert lines[-1].startswith(f"{len(lines) - 2} functions, ")
