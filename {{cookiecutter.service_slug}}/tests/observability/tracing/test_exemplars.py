from pathlib import Path

import pytest

from app.context import RequestContext
from app.observability import metrics
from app.observability.tracing import exemplars


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the workers of a gunicorn would keep theirs."""
    monkeypatch.setattr(metrics, "FOLDER", str(tmp_path))
    monkeypatch.setattr(exemplars, "_latest", {})
    monkeypatch.setattr(exemplars, "_written", 0)
    return tmp_path


def keep(trace_id: str, duration: float) -> None:
    context = RequestContext("rid", "cid", {"REQUEST_METHOD": "GET"})
    context.route, context.status, context.duration = "/things", 200, duration
    context.ids |= {"trace_id": trace_id, "span_id": "b" * 16}
    exemplars.keep(context)


def found() -> dict[float, str]:
    return {bucket[3]: kept.ids["trace_id"] for bucket, kept in exemplars.read().items()}


@pytest.mark.usefixtures("folder")
def test_the_newest_of_each_bucket_is_kept() -> None:
    keep("a", 0.004)
    keep("b", 0.005)
    keep("c", 0.3)
    keep("d", 99)
    assert found() == {0.005: "b", 0.5: "c", float("inf"): "d"}


def test_those_of_the_other_workers_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep("a", 0.3)
    monkeypatch.setattr(exemplars, "_latest", {})
    monkeypatch.setattr(metrics, "_slot", 2)
    keep("b", 3)
    assert found() == {0.5: "a", 5: "b"}
    assert len(list(folder.iterdir())) == 2


def test_a_line_that_was_cut_off_is_passed_over(folder: Path) -> None:
    keep("a", 0.3)
    with next(folder.iterdir()).open("a") as file:
        file.write('[["/things", "GET"')
    assert found() == {0.5: "a"}


def test_the_file_stays_small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exemplars, "MAX_SIZE", 2000)
    for number in range(200):
        keep(str(number), 0.3)
        keep(str(number), 3)
    assert found() == {0.5: "199", 5: "199"}
    assert next(folder.iterdir()).stat().st_size <= 2000
