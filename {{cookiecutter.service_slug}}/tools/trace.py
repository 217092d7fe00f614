"""Prints the way of a request: the functions of app/ that it calls, numbered, each below its caller.

pytest runs it as a test, so that the application is the one that tests/conftest.py makes: with the
testing settings and nothing stored from before. A function that raises is shown as in a test.
"""

import argparse
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple, TypeAlias

import pytest
from flask.testing import FlaskClient

# Not resolved: as modules that are imported from here have it, through a link as well.
ROOT = Path(__file__).absolute().parents[1]
OWN = f"{ROOT / 'app'}{os.sep}"
# A part of the function that they stand in; from Python 3.12 on most have no frame (PEP 709).
COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
RESUMABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Call(NamedTuple):
    """A call of a function; `depth` is the number of its callers in app/."""

    file: str
    line: int
    function: str
    depth: int


# The calls of a thread; those of a thread that it starts are a list where it starts it.
Calls: TypeAlias = "list[Call | Calls]"


def record_calls(send: Callable[[], object]) -> list[Call]:
    """Call `send`; return the calls of functions of app/, in this thread and those that it starts."""
    calls: Calls = []
    threads: dict[threading.Thread, tuple[Calls, int]] = {threading.current_thread(): (calls, 0)}
    suspended: set[FrameType] = set()

    def profile(frame: FrameType, event: str, _: object) -> None:
        thread = threading.current_thread()
        if event != "call" or thread not in threads:
            return
        made, depth = threads[thread]
        code = frame.f_code
        if code is threading.Thread.start.__code__:
            started: Calls = []
            made.append(started)
            threads[frame.f_locals["self"]] = (started, depth + count_callers(frame))
        # A generator that goes on is not called again.
        if not is_own(frame) or frame in suspended:
            return
        if code.co_flags & RESUMABLE:
            suspended.add(frame)
        file = Path(code.co_filename).relative_to(ROOT).as_posix()
        depth += count_callers(frame)
        made.append(Call(file, code.co_firstlineno, code.co_qualname, depth))

    before = sys.getprofile(), threading.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        send()
    finally:
        sys.setprofile(before[0])
        threading.setprofile(before[1])
    return list(flatten(calls))


def is_own(frame: FrameType) -> bool:
    """Return whether the frame is of a function of app/."""
    code = frame.f_code
    return code.co_filename.startswith(OWN) and code.co_name not in COMPREHENSIONS


def count_callers(frame: FrameType) -> int:
    """Return how many functions of app/ the frame is called by."""
    callers = 0
    caller = frame.f_back
    while caller is not None:
        callers += is_own(caller)
        caller = caller.f_back
    return callers


def flatten(calls: Calls) -> Iterator[Call]:
    """Yield each call, those of a thread where it was started."""
    for call in calls:
        if isinstance(call, Call):
            yield call
        else:
            yield from flatten(call)


def count_files(calls: list[Call]) -> int:
    """Return how many files the calls are of."""
    return len({call.file for call in calls})


def count_returns(calls: list[Call]) -> int:
    """Return how often a call enters a file that was left before."""
    returns = 0
    seen: set[str] = set()
    current = ""
    for call in calls:
        returns += call.file != current and call.file in seen
        seen.add(call.file)
        current = call.file
    return returns


def format_calls(calls: list[Call]) -> Iterator[str]:
    """Yield a line for each call, and one with their counts."""
    places = [f"{call.file}:{call.line}" for call in calls]
    width = max(map(len, places), default=0)
    for number, (place, call) in enumerate(zip(places, calls, strict=True), 1):
        yield f"{number:3}  {place:{width}}  {'  ' * call.depth}{call.function}"
    yield (
        f"{len(calls)} functions, {count_files(calls)} files,"
        f" {count_returns(calls)} returns to a file left before"
    )


def test_request(client: FlaskClient, arguments: argparse.Namespace) -> None:
    """Send the request and print its way; not a test of the suite, which is in tests/."""
    headers = list(arguments.header)
    if arguments.json is not None:
        headers.append(("Content-Type", "application/json"))
    statuses: list[str] = []

    def send() -> None:
        response = client.open(
            arguments.path, method=arguments.method, data=arguments.json, headers=headers
        )
        statuses.append(response.status)

    calls = record_calls(send)
    print(arguments.method, arguments.path, *statuses)
    print(*format_calls(calls), sep="\n")


def parse_header(text: str) -> tuple[str, str]:
    """Return a header's name and value; raises `ArgumentTypeError` for what has no colon."""
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"not NAME: VALUE: {text!r}")
    return name.strip(), value.strip()


def main() -> int:
    """Parse the request; run `test_request` with it."""
    parser = argparse.ArgumentParser(description="Print the functions that a request calls.")
    parser.add_argument("method", nargs="?", default="GET", type=str.upper)
    parser.add_argument("path", nargs="?", default="/health/ready")
    parser.add_argument("--json", metavar="BODY", help="The body, sent as application/json.")
    parser.add_argument(
        "--header",
        metavar="'NAME: VALUE'",
        action="append",
        default=[],
        type=parse_header,
        help="A header; may be repeated.",
    )
    arguments = parser.parse_args()

    class Plugin:
        """Hands the arguments over, and leaves out what pytest prints of a test that passes."""

        @pytest.fixture(name="arguments")
        def give_arguments(self) -> argparse.Namespace:
            return arguments

        def pytest_report_teststatus(self, report: pytest.TestReport) -> object:
            return ("", "", "") if report.passed else None

    # Instead of tools/, whose trace.py would stand before the standard library's.
    sys.path[0] = str(ROOT)
    # The plugins that are installed take seconds to load; of them conftest.py needs xdist alone.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plugins = ["-p", "xdist.plugin", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    options = ["-qq", "-s", "-n0", *plugins]
    return pytest.main([*options, __file__], plugins=[Plugin()])


if __name__ == "__main__":
    sys.exit(main())
