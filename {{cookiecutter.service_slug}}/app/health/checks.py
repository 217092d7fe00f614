"""Run Dockerflow's registered checks, for /health/ready and /__heartbeat__.

    @dockerflow.checks.register(name="queue")
    def check_queue() -> list[CheckMessage]:
        return [] if queue.is_open else [Error("The queue is closed.", id="queue.E001")]

A check returns its messages. A warning is reported; an error or an exception makes the service
unready. See https://python-dockerflow.readthedocs.io/.
"""

import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from mmap import mmap
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from dockerflow.checks import CheckMessage, Error, get_checks
from dockerflow.checks import run_checks as summarize_checks
from dockerflow.checks.registry import ChecksResults
from flask import Flask, current_app

Check = Callable[[], list[CheckMessage] | None]


class CheckRunner:
    """Runner of all checks, concurrently; caches their results for `HEALTH_CHECK_CACHE` seconds."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.lock = Lock()
        self.running: set[str] = set()
        self.results: ChecksResults | None = None
        self.expires_at = 0.0

    def run(self) -> ChecksResults:
        """Return cached results, or run the checks for at most `HEALTH_CHECK_TIMEOUT` seconds."""
        with self.lock:
            if self.results is None or time.monotonic() >= self.expires_at:
                messages = self.run_all(self.app.config["HEALTH_CHECK_TIMEOUT"])
                self.results = summarize_checks(
                    (name, partial(list, messages[name])) for name in messages
                )
                self.expires_at = time.monotonic() + self.app.config["HEALTH_CHECK_CACHE"]
            return self.results

    def run_all(self, timeout: float) -> dict[str, list[CheckMessage]]:
        """Return the messages of each check, with an error for each one that times out."""
        messages = {
            name: [Error(f"Timed out after {timeout:g} s.", id=f"{name}.timeout")]
            for name in get_checks()
        }
        outcomes: SimpleQueue[tuple[str, list[CheckMessage]]] = SimpleQueue()
        started = 0
        for name, check in get_checks().items():
            if name in self.running:
                continue  # still hanging since an earlier run: start no second thread
            self.running.add(name)
            started += 1
            arguments = (self.run_one, name, check, outcomes)
            # A daemon thread, so that a hanging check does not keep the worker from exiting.
            Thread(target=copy_context().run, args=arguments, daemon=True).start()
        deadline = time.monotonic() + timeout
        try:
            for _ in range(started):
                name, outcome = outcomes.get(timeout=max(0, deadline - time.monotonic()))
                messages[name] = outcome
        except Empty:
            pass
        return messages

    def run_one(
        self, name: str, check: Check, outcomes: "SimpleQueue[tuple[str, list[CheckMessage]]]"
    ) -> None:
        """Put the messages of one check into `outcomes`; an exception becomes an error."""
        try:
            with self.app.app_context():
                messages = check() or []
        except Exception as error:
            self.app.logger.warning("The health check %s failed.", name, exc_info=error)
            messages = [Error(type(error).__name__, id=f"{name}.failed")]
        finally:
            # Before the outcome is put: the next run may start as soon as it is read.
            self.running.discard(name)
        outcomes.put((name, messages))


def init_checks(app: Flask) -> None:
    """Create the application's check runner."""
    app.extensions["checks"] = CheckRunner(app)


def run_checks() -> ChecksResults:
    """Return the results of the current application's checks."""
    runner: CheckRunner = current_app.extensions["checks"]
    return runner.run()


# Shared memory: set in the master, read in the workers that it has forked.
_shutdown_flag = mmap(-1, 1)


def begin_shutdown() -> None:
    """Make readiness fail in every worker from now on."""
    _shutdown_flag[0] = 1


def is_shutting_down() -> bool:
    """Return whether the service is draining: it still serves, but readiness fails."""
    return _shutdown_flag[0] != 0
