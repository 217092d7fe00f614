"""Runs the checks behind readiness and heartbeat: those of Dockerflow's registry.

    @dockerflow.checks.register(name="queue")
    def check_queue() -> list[CheckMessage]:
        return [] if queue.is_open else [Error("The queue is closed.", id="queue.E001")]

A check returns what is wrong: a warning is shown, an error makes the service unready. To raise is an
error too. See https://python-dockerflow.readthedocs.io/.
"""

import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from mmap import mmap
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from dockerflow.checks import CheckMessage, Error, get_checks
from dockerflow.checks import run_checks as summarise
from dockerflow.checks.registry import ChecksResults
from flask import Flask

from app.flask_app import AppState

Check = Callable[[], list[CheckMessage] | None]


class CheckRunner:
    """Runs every check at once, and no more often than its results are outdated."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.lock = Lock()
        self.running: dict[str, Thread] = {}
        self.results: ChecksResults | None = None
        self.outdated = 0.0

    def run(self) -> ChecksResults:
        """Return the results, after at most `HEALTH_CHECK_TIMEOUT` seconds."""
        with self.lock:
            if self.results is None or time.monotonic() >= self.outdated:
                found = self.run_all(self.app.config["HEALTH_CHECK_TIMEOUT"])
                self.results = summarise((name, partial(list, found[name])) for name in found)
                self.outdated = time.monotonic() + self.app.config["HEALTH_CHECK_CACHE"]
            return self.results

    def run_all(self, timeout: float) -> dict[str, list[CheckMessage]]:
        found = {
            name: [Error(f"No answer within {timeout:g} s.", id=f"{name}.timeout")]
            for name in get_checks()
        }
        outcomes: SimpleQueue[tuple[str, list[CheckMessage]]] = SimpleQueue()
        started = 0
        for name, check in get_checks().items():
            if name in self.running and self.running[name].is_alive():
                continue  # it still hangs from the last time: neither pile up threads nor wait again
            started += 1
            arguments = (self.run_one, name, check, outcomes)
            # A daemon: a check that hangs must not keep the worker from stopping.
            self.running[name] = Thread(target=copy_context().run, args=arguments, daemon=True)
            self.running[name].start()
        deadline = time.monotonic() + timeout
        try:
            for _ in range(started):
                name, messages = outcomes.get(timeout=max(0, deadline - time.monotonic()))
                found[name] = messages
        except Empty:
            pass
        return found

    def run_one(
        self, name: str, check: Check, outcomes: "SimpleQueue[tuple[str, list[CheckMessage]]]"
    ) -> None:
        try:
            with self.app.app_context():
                outcomes.put((name, check() or []))
        except Exception as error:
            self.app.logger.warning("health check %s failed", name, exc_info=error)
            outcomes.put((name, [Error(type(error).__name__, id=f"{name}.failed")]))


runner = AppState[CheckRunner]("checks")


def init_checks(app: Flask) -> None:
    """Prepare to run the checks in the application."""
    runner.set(app, CheckRunner(app))


def run_checks() -> ChecksResults:
    """Run the checks in the current application."""
    return runner.get().run()


# Anonymous shared memory: set once in the master, seen by every process that it has forked.
_flag = mmap(-1, 1)


def begin_shutdown() -> None:
    """Fail readiness from now on, in every worker."""
    _flag[0] = 1


def is_shutting_down() -> bool:
    """Return whether the service was told to stop: it still serves, but wants no new traffic."""
    return _flag[0] != 0
