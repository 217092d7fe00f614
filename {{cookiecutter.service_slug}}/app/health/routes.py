"""The probes of Kubernetes and load balancers, and Dockerflow's three paths, on the same checks.

Dockerflow's Flask extension would add five hooks to every request, trust any X-Request-ID, and serve
/__error__, which fails on demand. See https://python-dockerflow.readthedocs.io/.
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
    """The process answers. Touches nothing: a restart would not mend a dependency."""
    return {"status": "alive"}


@health.get("/ready")
def ready() -> ResponseReturnValue:
    """Every dependency answers and the process goes on: send traffic here."""
    if is_shutting_down():
        return {"status": "unhealthy", "checks": {"service": "shutting down"}}, 503
    results = run_checks()
    if results.level >= ERROR:
        return {"status": "unhealthy", "checks": results.statuses}, 503
    return {"status": "ready", "checks": results.statuses}


@health.get("/startup")
def startup() -> ResponseReturnValue:
    """The application is initialised; before that, nothing listens."""
    return {"status": "started"}


dockerflow = Blueprint("dockerflow", __name__)


@dockerflow.get("/__version__")
def version() -> ResponseReturnValue:
    """What runs, from version.json."""
    return read_version()


@dockerflow.get("/__heartbeat__")
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


@dockerflow.get("/__lbheartbeat__")
def lbheartbeat() -> ResponseReturnValue:
    """Answer load balancers: 200, and 503 once the service shuts down."""
    return "", 503 if is_shutting_down() else 200
