"""Dockerflow's three paths (https://python-dockerflow.readthedocs.io/), on the same checks.

Its Flask extension would add five hooks to every request, believe any X-Request-ID, and serve
/__error__, which fails on demand.
"""

from blinker import Namespace
from dockerflow.checks import ERROR, level_to_text
from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue

from app.health.checks import run_checks
from app.health.shutdown import is_shutting_down
from app.version import read_version

signals = Namespace()
heartbeat_passed = signals.signal("heartbeat-passed")
heartbeat_failed = signals.signal("heartbeat-failed")

views = Blueprint("dockerflow", __name__)


@views.get("/__version__")
def version() -> ResponseReturnValue:
    """What runs, from version.json."""
    return read_version()


@views.get("/__heartbeat__")
def heartbeat() -> ResponseReturnValue:
    """Every check in detail; sends `heartbeat_passed` or `heartbeat_failed` with the worst level."""
    results = run_checks()
    passed = results.level < ERROR
    sender = current_app._get_current_object()  # type: ignore[attr-defined]
    (heartbeat_passed if passed else heartbeat_failed).send(sender, level=results.level)
    return {
        "status": level_to_text(results.level),
        "checks": results.statuses,
        "details": results.details,
    }, (200 if passed else 500)


@views.get("/__lbheartbeat__")
def lbheartbeat() -> ResponseReturnValue:
    """Answer load balancers: 200, and 503 once the service shuts down."""
    return "", 503 if is_shutting_down() else 200
