"""Whether the service is alive and ready, as Kubernetes asks and as Dockerflow does."""

from flask import Flask

from app.health import dockerflow
from app.health.checks import init_checks
from app.health.routes import health

__all__ = ["init_health"]


def init_health(app: Flask) -> None:
    """Serve the probes."""
    init_checks(app)
    app.register_blueprint(health)
    app.register_blueprint(dockerflow.views)
