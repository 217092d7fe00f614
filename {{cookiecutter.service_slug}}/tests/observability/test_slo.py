import time

import pytest
from flask import Flask
from prometheus_client import REGISTRY

from app import create_app
from app.config import load_config
from app.observability import slo as declared
from app.observability.slo import slo


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_declared", {})


def events(name: str, sli: str) -> tuple[float | None, float | None]:
    """Return the numbers of good and bad events."""
    labels = {"slo": name, "sli": sli}
    good, bad = ({**labels, "outcome": outcome} for outcome in ("good", "bad"))
    counted = REGISTRY.get_sample_value
    return counted("slo_events_total", good), counted("slo_events_total", bad)


@pytest.fixture
def service() -> Flask:
    config = load_config("testing")
    config.PROPAGATE_EXCEPTIONS = False
    return create_app(config)


def test_availability_counts_the_responses_of_a_view(service: Flask) -> None:
    answers = iter([200, 404, 500])

    @service.get("/judged")
    @slo("judged", objective=0.99)
    def judged() -> tuple[str, int]:
        return "", next(answers)

    for _ in range(3):
        service.test_client().get("/judged")
    with pytest.raises(StopIteration):
        next(answers)
    assert events("judged", "availability") == (2, 1)
    labels = {"slo": "judged", "sli": "availability"}
    assert REGISTRY.get_sample_value("slo_objective_ratio", labels) == 0.99


def test_latency_counts_the_durations_of_a_view(service: Flask) -> None:
    naps = iter([0.0, 0.3])

    @service.get("/timed")
    @slo("timed", objective=0.9, latency=0.25)
    def timed() -> str:
        time.sleep(next(naps))
        return ""

    for _ in range(2):
        service.test_client().get("/timed")
    assert events("timed", "latency") == (1, 1)


def test_other_work_records_its_own_events() -> None:
    work = slo("work", objective=0.5)
    work.record(success=False)
    assert events("work", "availability") == (0, 1)


@pytest.mark.parametrize("objective", [0, 1, 99.9])
def test_an_objective_must_be_between_0_and_1(objective: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        slo("wrong", objective=objective)


def test_duplicate_names_raise() -> None:
    slo("twice", objective=0.9)
    with pytest.raises(ValueError, match="duplicate objective: twice"):
        slo("twice", objective=0.99)
