"""Probe endpoints for Kubernetes and load balancers, and Dockerflow's endpoints.

Dockerflow's Flask extension is not used: it adds five hooks to every request, trusts any
X-Request-ID, and serves /__error__, which always fails.
See https://python-dockerflow.readthedocs.io/.
"""

from blinker import Namespace
from dockerflow.checks import ERROR, level_to_text
from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue

from app.health.checks import is_shutting_down, run_checks
from app.version import read_version

signals = Namespace()
heartbeat_passed = signals.signal("heartbeat-passed")
heartbeat_failed = signals.signal("heartbeat-failed")

health = Blueprint("health", __name__, url_prefix="/health")


@health.get("/live")
def live() -> ResponseReturnValue:
    """Return 200. Checks no dependency, because a restart would not repair it."""
    return {"status": "alive"}


@health.get("/ready")
def ready() -> ResponseReturnValue:
    """Return 200 if every check passes; 503 otherwise, and while the service shuts down."""
    if is_shutting_down():
        return {"status": "unhealthy", "checks": {"service": "shutting down"}}, 503
    results = run_checks()
    if results.level >= ERROR:
        return {"status": "unhealthy", "checks": results.statuses}, 503
    return {"status": "ready", "checks": results.statuses}


@health.get("/startup")
def startup() -> ResponseReturnValue:
    """Return 200: gunicorn listens only once the application is created."""
    return {"status": "started"}


dockerflow = Blueprint("dockerflow", __name__)


@dockerflow.get("/__version__")
def version() -> ResponseReturnValue:
    """Return the contents of version.json."""
    return read_version()


@dockerflow.get("/__heartbeat__")
def heartbeat() -> ResponseReturnValue:
    """Return every check in detail, and send `heartbeat_passed` or `heartbeat_failed`."""
    results = run_checks()
    passed = results.level < ERROR
    sender = current_app._get_current_object()  # type: ignore[attr-defined]
    (heartbeat_passed if passed else heartbeat_failed).send(sender, level=results.level)
    return {
        "status": level_to_text(results.level),
        "checks": results.statuses,
        "details": results.details,
    }, (200 if passed else 500)


@dockerflow.get("/__lbheartbeat__")
def lbheartbeat() -> ResponseReturnValue:
    """Return 200, or 503 while the service shuts down."""
    return "", 503 if is_shutting_down() else 200
