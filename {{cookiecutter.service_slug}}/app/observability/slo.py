"""Service level objectives (SLOs), on which the rules in deploy/prometheus alert.

An objective is the share of events that must be good, such as 0.999; the rest is the error budget.
See https://sre.google/workbook/alerting-on-slos/.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask
from prometheus_client import Counter, Gauge

from app.observability.record import RequestRecord, on_close

View = TypeVar("View", bound=Callable[..., Any])

EVENTS = Counter(
    "slo_events_total", "Events that count toward an objective.", ["slo", "sli", "outcome"]
)
OBJECTIVE = Gauge(
    "slo_objective_ratio",
    "Share of events that must be good.",
    ["slo", "sli"],
    multiprocess_mode="max",
)

_declared: dict[str, "Slo"] = {}


OUTCOMES = ((True, "good"), (False, "bad"))


class Slo:
    """Service level objective of a view or of any other work.

    A request to the view is good unless its response is a 5xx. With `latency`, the good requests
    have a second indicator: whether they took at most that many seconds.
    """

    def __init__(self, name: str, objective: float, latency: float | None = None) -> None:
        if not 0 < objective < 1:
            raise ValueError(f"the objective of {name} must be between 0 and 1")
        if name in _declared:
            raise ValueError(f"duplicate objective: {name}")
        _declared[name] = self
        self.name, self.objective, self.latency = name, objective, latency
        self.outcomes = {
            sli: {good: EVENTS.labels(name, sli, outcome) for good, outcome in OUTCOMES}
            for sli in ("availability", *(["latency"] if latency else []))
        }
        for sli in self.outcomes:
            OBJECTIVE.labels(name, sli).set(objective)

    def __call__(self, view: View) -> View:
        """Count the requests to `view`: @slo("sign-up", objective=0.999)."""
        view.slo = self  # type: ignore[attr-defined]
        return view

    def record(self, *, success: bool, duration: float | None = None) -> None:
        """Count one event; `duration` in seconds."""
        self.outcomes["availability"][success].inc()
        if self.latency and success and duration is not None:
            self.outcomes["latency"][duration <= self.latency].inc()


def slo(name: str, objective: float, latency: float | None = None) -> Slo:
    """Declare an objective; `latency` in seconds. Raises `ValueError` if it is invalid."""
    return Slo(name, objective, latency)


def init_slo(app: Flask) -> None:
    """Count the requests to views that have an objective."""

    def count_request(record: RequestRecord) -> None:
        objective = getattr(app.view_functions.get(record.endpoint), "slo", None)
        if objective:
            objective.record(success=record.status < 500, duration=record.duration)

    on_close(app, count_request)
