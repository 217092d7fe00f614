"""Print the functions in app/ that a request calls, each indented below its caller.

It runs as a pytest test, to use the application of tests/conftest.py: with the testing settings and
no stored data. pytest reports an exception.
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

# Not resolved: through a symbolic link, too, it is the path that imported modules have.
ROOT = Path(__file__).absolute().parents[1]
APP_PREFIX = f"{ROOT / 'app'}{os.sep}"
# Counted as their function; since Python 3.12 most have no frame (PEP 709).
COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
RESUMABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Call(NamedTuple):
    """A call of a function; `depth` is the number of its callers in app/."""

    file: str
    line: int
    function: str
    depth: int


# The calls of a thread, with a nested list where it starts another thread.
Calls: TypeAlias = "list[Call | Calls]"


def record_calls(send: Callable[[], object]) -> list[Call]:
    """Call `send`; return its calls of functions in app/, also in threads that it starts."""
    calls: Calls = []
    threads: dict[threading.Thread, tuple[Calls, int]] = {threading.current_thread(): (calls, 0)}
    suspended: set[FrameType] = set()

    def profile(frame: FrameType, event: str, _: object) -> None:
        thread = threading.current_thread()
        if event != "call" or thread not in threads:
            return
        recorded, depth = threads[thread]
        code = frame.f_code
        if code is threading.Thread.start.__code__:
            started: Calls = []
            recorded.append(started)
            threads[frame.f_locals["self"]] = (started, depth + count_callers(frame))
        # Resuming a generator is not a call.
        if not is_app_frame(frame) or frame in suspended:
            return
        if code.co_flags & RESUMABLE:
            suspended.add(frame)
        file = Path(code.co_filename).relative_to(ROOT).as_posix()
        depth += count_callers(frame)
        recorded.append(Call(file, code.co_firstlineno, code.co_qualname, depth))

    before = sys.getprofile(), threading.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        send()
    finally:
        sys.setprofile(before[0])
        threading.setprofile(before[1])
    return list(flatten(calls))


def is_app_frame(frame: FrameType) -> bool:
    """Return whether the frame belongs to a function in app/."""
    code = frame.f_code
    return code.co_filename.startswith(APP_PREFIX) and code.co_name not in COMPREHENSIONS


def count_callers(frame: FrameType) -> int:
    """Return the number of functions in app/ among the frame's callers."""
    callers = 0
    caller = frame.f_back
    while caller is not None:
        callers += is_app_frame(caller)
        caller = caller.f_back
    return callers


def flatten(calls: Calls) -> Iterator[Call]:
    """Yield all calls, those of a thread where it was started."""
    for call in calls:
        if isinstance(call, Call):
            yield call
        else:
            yield from flatten(call)


def count_files(calls: list[Call]) -> int:
    """Return the number of distinct files of the calls."""
    return len({call.file for call in calls})


def count_returns(calls: list[Call]) -> int:
    """Return the number of calls that enter a file left earlier."""
    returns = 0
    seen: set[str] = set()
    current = ""
    for call in calls:
        returns += call.file != current and call.file in seen
        seen.add(call.file)
        current = call.file
    return returns


def format_calls(calls: list[Call]) -> Iterator[str]:
    """Yield a line for each call, and a line of totals."""
    places = [f"{call.file}:{call.line}" for call in calls]
    width = max(map(len, places), default=0)
    for number, (place, call) in enumerate(zip(places, calls, strict=True), 1):
        yield f"{number:3}  {place:{width}}  {'  ' * call.depth}{call.function}"
    yield (
        f"{len(calls)} functions, {count_files(calls)} files,"
        f" {count_returns(calls)} returns to a file left earlier"
    )


def test_request(client: FlaskClient, arguments: argparse.Namespace) -> None:
    """Send the request and print its calls; `main` runs it, not the test suite."""
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
    """Return a header's name and value. Raises `ArgumentTypeError` if it has no colon."""
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"expected NAME: VALUE, not {text!r}")
    return name.strip(), value.strip()


def main() -> int:
    """Parse the command line, and run `test_request` with it."""
    parser = argparse.ArgumentParser(description="Print the functions that a request calls.")
    parser.add_argument(
        "method", nargs="?", default="GET", type=str.upper, help="Default: %(default)s."
    )
    parser.add_argument("path", nargs="?", default="/health/ready", help="Default: %(default)s.")
    parser.add_argument("--json", metavar="BODY", help="Request body, sent as application/json.")
    parser.add_argument(
        "--header",
        metavar="'NAME: VALUE'",
        action="append",
        default=[],
        type=parse_header,
        help="Request header; may be repeated.",
    )
    arguments = parser.parse_args()

    class Plugin:
        """pytest plugin that provides the arguments, and hides the report of a passed test."""

        @pytest.fixture(name="arguments")
        def provide_arguments(self) -> argparse.Namespace:
            return arguments

        def pytest_report_teststatus(self, report: pytest.TestReport) -> object:
            return ("", "", "") if report.passed else None

    # Replaces tools/, whose trace.py would shadow the standard library's.
    sys.path[0] = str(ROOT)
    # Loading every installed plugin takes seconds; conftest.py needs only xdist.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plugins = ["-p", "xdist.plugin", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    options = ["-qq", "-s", "-n0", *plugins]
    return pytest.main([*options, __file__], plugins=[Plugin()])


if __name__ == "__main__":
    sys.exit(main())
