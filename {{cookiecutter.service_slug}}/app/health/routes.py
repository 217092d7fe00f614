"""The probes, as Kubernetes and load balancers ask them."""

from dockerflow.checks import ERROR
from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.health.checks import run_checks
from app.health.shutdown import is_shutting_down

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
