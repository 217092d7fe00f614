"""Health checks, and the probe endpoints of Kubernetes and Dockerflow."""

from flask import Flask

from app.health.checks import init_checks
from app.health.routes import dockerflow, health


def init_health(app: Flask) -> None:
    """Register the health checks and the probe endpoints."""
    init_checks(app)
    app.register_blueprint(health)
    app.register_blueprint(dockerflow)
