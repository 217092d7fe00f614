"""Liveness, readiness and startup, for Kubernetes and Dockerflow."""

from flask import Flask

from app.health.checks import init_checks
from app.health.routes import dockerflow, health


def init_health(app: Flask) -> None:
    """Serve the probes."""
    init_checks(app)
    app.register_blueprint(health)
    app.register_blueprint(dockerflow)
