import pytest
from sqlalchemy.exc import OperationalError

from app.database import transactions
from app.database.transactions import retry_on_conflict


class DriverError(Exception):
    """An error with the codes of every database: an SQLSTATE, and MySQL's number."""

    def __init__(self, sqlstate: str, number: int) -> None:
        super().__init__(number)
        self.sqlstate = sqlstate


DEADLOCK = OperationalError("UPDATE", {}, DriverError("40P01", 1213))
TIMEOUT = OperationalError("UPDATE", {}, DriverError("57014", 1969))
AWAY = OperationalError("UPDATE", {}, DriverError("08006", 2013))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "BACKOFF", 0)


def fail(*errors: Exception) -> tuple[list[int], object]:
    """Return a list of attempts, and a function that raises one error after another."""
    attempts: list[int] = []

    @retry_on_conflict
    def run(answer: str) -> str:
        attempts.append(len(attempts))
        if len(attempts) <= len(errors):
            raise errors[len(attempts) - 1]
        return answer

    return attempts, run


@pytest.mark.usefixtures("app_context")
class TestRetry:
    def test_a_conflict_is_tried_again(self) -> None:
        attempts, run = fail(DEADLOCK, DEADLOCK)
        assert run("done") == "done"  # type: ignore[operator]
        assert len(attempts) == 3

    @pytest.mark.parametrize("error", [TIMEOUT, AWAY])
    def test_no_other_error_is(self, error: Exception) -> None:
        attempts, run = fail(error)
        with pytest.raises(OperationalError):
            run("done")  # type: ignore[operator]
        assert len(attempts) == 1

    def test_the_attempts_are_bounded(self) -> None:
        attempts, run = fail(*[DEADLOCK] * 100)
        with pytest.raises(OperationalError):
            run("done")  # type: ignore[operator]
        assert len(attempts) == transactions.ATTEMPTS
