"""The probes, as Kubernetes and load balancers ask them."""

from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue

from app.health.checks import HEALTHY, run_checks

health = Blueprint("health", __name__, url_prefix="/health")


def init_health(app: Flask) -> None:
    """Serve the probes."""
    app.register_blueprint(health)


@health.get("/live")
def live() -> ResponseReturnValue:
    """The process answers. Touches nothing: a restart would not mend a dependency."""
    return {"status": "alive"}


@health.get("/ready")
def ready() -> ResponseReturnValue:
    """Every dependency answers: send traffic here."""
    checks = run_checks()
    healthy = all(result == HEALTHY for result in checks.values())
    return {"status": "ready" if healthy else "unhealthy", "checks": checks}, (
        200 if healthy else 503
    )


@health.get("/startup")
def startup() -> ResponseReturnValue:
    """The application is initialised; before that, nothing listens."""
    return {"status": "started"}
