"""The checks behind readiness: each registered once, all bounded by one time limit."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread

from flask import Flask, current_app

HEALTHY = "ok"


def add_check(app: Flask, name: str, check: Callable[[], None]) -> None:
    """Have readiness depend on `check`, which raises when what it looks at is unwell."""
    app.extensions.setdefault("health_checks", {})[name] = check


def run_checks() -> dict[str, str]:
    """Run every check at once; return for each name `HEALTHY` or, in a word, what is wrong.

    Takes at most `HEALTH_CHECK_TIMEOUT` seconds, however long a dependency hangs.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    checks: dict[str, Callable[[], None]] = app.extensions.get("health_checks", {})
    outcomes: SimpleQueue[tuple[str, str]] = SimpleQueue()

    def run(name: str, check: Callable[[], None]) -> None:
        try:
            with app.app_context():
                check()
        except Exception as error:
            app.logger.warning("health check %s failed: %s", name, error)
            outcomes.put((name, type(error).__name__))
        else:
            outcomes.put((name, HEALTHY))

    for name, check in checks.items():
        # A daemon: a check that hangs must not keep the worker from stopping.
        Thread(target=run, args=(name, check), daemon=True).start()

    results = dict.fromkeys(checks, "timeout")
    deadline = time.monotonic() + app.config["HEALTH_CHECK_TIMEOUT"]
    try:
        for _ in checks:
            name, result = outcomes.get(timeout=max(0, deadline - time.monotonic()))
            results[name] = result
    except Empty:
        pass
    return results
