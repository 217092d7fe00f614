"""Service level objectives: declared in one line, counted here, alerted on by deploy/prometheus.

An objective is a share of events that must be good, such as 0.999; what is left is the error
budget. See https://sre.google/workbook/alerting-on-slos/.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask
from prometheus_client import Counter, Gauge

from app.observability.record import RequestRecord, on_close

View = TypeVar("View", bound=Callable[..., Any])

EVENTS = Counter("slo_events_total", "What counts for an objective.", ["slo", "sli", "outcome"])
OBJECTIVE = Gauge(
    "slo_objective_ratio", "Share that must be good.", ["slo", "sli"], multiprocess_mode="max"
)

_declared: dict[str, "Slo"] = {}


OUTCOMES = ((True, "good"), (False, "bad"))


class Slo:
    """An objective for what a route, or any other piece of work, achieves.

    Over a route it judges each request: available unless it is answered with a 5xx, and, where
    `latency` says how many seconds it may take, fast enough when it is available.
    """

    def __init__(self, name: str, objective: float, latency: float | None = None) -> None:
        if not 0 < objective < 1:
            raise ValueError(f"the objective of {name} is a share between 0 and 1")
        if name in _declared:
            raise ValueError(f"there are two objectives called {name}")
        _declared[name] = self
        self.name, self.objective, self.latency = name, objective, latency
        self.outcomes = {
            sli: {good: EVENTS.labels(name, sli, outcome) for good, outcome in OUTCOMES}
            for sli in ("availability", *(["latency"] if latency else []))
        }
        for sli in self.outcomes:
            OBJECTIVE.labels(name, sli).set(objective)

    def __call__(self, view: View) -> View:
        """Judge the requests to `view`: @slo("sign-up", objective=0.999)."""
        view.slo = self  # type: ignore[attr-defined]
        return view

    def record(self, *, success: bool, duration: float | None = None) -> None:
        """Count one event; `duration` in seconds."""
        self.outcomes["availability"][success].inc()
        if self.latency and success and duration is not None:
            self.outcomes["latency"][duration <= self.latency].inc()


def slo(name: str, objective: float, latency: float | None = None) -> Slo:
    """Declare an objective; `latency` in seconds. Raises `ValueError` where it cannot be one."""
    return Slo(name, objective, latency)


def init_slo(app: Flask) -> None:
    """Judge each request of the application to a route that has an objective."""

    def judge(context: RequestRecord) -> None:
        objective = getattr(app.view_functions.get(context.endpoint), "slo", None)
        if objective:
            objective.record(success=context.status < 500, duration=context.duration)

    on_close(app, judge)
