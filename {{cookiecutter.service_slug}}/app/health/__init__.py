"""Liveness, readiness and startup probes, and the checks behind readiness."""

from app.health.checks import add_check
from app.health.routes import init_health

__all__ = ["add_check", "init_health"]
