"""The way of a request, as `make trace` prints it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from threading import Thread
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from tools.trace import APP_PREFIX, ROOT, Call, count_files, count_returns, record_calls

# More than the service needs: a request hook of its own may be added.
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
def own() -> SimpleNamespace:
    """Functions that are of app/ by the names of their files."""
    functions: dict[str, Callable[..., object]] = {}
    for name, source in SOURCES.items():
        exec(compile(source, f"{APP_PREFIX}{name}", "exec"), functions)
    return SimpleNamespace(**functions)


def test_calls_are_listed_below_their_callers(own: SimpleNamespace) -> None:
    calls = record_calls(lambda: own.first(own.second))
    assert calls == [
        Call("app/one.py", 2, "first", 0),
        Call("app/two.py", 2, "second", 1),
        Call("app/two.py", 2, "second", 1),
    ]


def test_a_generator_is_called_once(own: SimpleNamespace) -> None:
    def alternate(numbers: Iterator[int]) -> None:
        for number in numbers:
            own.second(number)

    calls = record_calls(lambda: alternate(own.count()))
    assert [call.function for call in calls] == ["count", "second", "second"]


def test_a_thread_is_listed_where_it_is_started(own: SimpleNamespace) -> None:
    def start() -> None:
        threads = [Thread(target=own.first, args=(own.second,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        own.second(0)
        for thread in threads:
            thread.join()

    calls = record_calls(start)
    assert [call.function for call in calls] == [*["first", "second", "second"] * 2, "second"]


def test_nothing_is_recorded_afterwards(own: SimpleNamespace) -> None:
    def fail() -> None:
        own.second(1)
        raise LookupError

    before = sys.getprofile()
    with pytest.raises(LookupError):
        record_calls(fail)
    assert sys.getprofile() is before
    assert record_calls(int) == []


@pytest.mark.parametrize(
    ("files", "returns"), [("", 0), ("aab", 0), ("aba", 1), ("abab", 2), ("abbca", 1)]
)
def test_returns_are_to_a_file_that_was_left(files: str, returns: int) -> None:
    calls = [Call(file, 1, "call", 0) for file in files]
    assert count_returns(calls) == returns
    assert count_files(calls) == len(set(files))


def test_the_way_of_a_probe_is_short(client: FlaskClient) -> None:
    calls = record_calls(lambda: client.get("/health/live"))
    assert "live" in [call.function for call in calls]
    assert calls[0].depth == 0
    assert len(calls) <= MOST_FUNCTIONS
    assert count_files(calls) <= MOST_FILES
    assert all((ROOT / call.file).is_file() for call in calls)


def test_a_request_is_printed() -> None:
    command = [sys.executable, "tools/trace.py", "post", "/health/live", "--json", "{}"]
    # Without what the environment says to the tests: what they are run on is in use.
    result = subprocess.run(
        command, cwd=ROOT, env={"PATH": os.defpath}, capture_output=True, text=True, check=False
    )
    lines = result.stdout.strip().splitlines()
    assert result.returncode == 0, result.stdout + result.stderr
    assert lines[0] == "POST /health/live 405 METHOD NOT ALLOWED"
    assert lines[1].startswith("  1  app/")
    assert lines[-1].startswith(f"{len(lines) - 2} functions, ")
