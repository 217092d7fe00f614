import pytest
from sqlalchemy.exc import OperationalError

from app.database import transactions
from app.database.transactions import retry_on_conflict


class DriverError(Exception):
    """Driver error with an SQLSTATE and an error number, for any database."""

    def __init__(self, sqlstate: str, number: int) -> None:
        super().__init__(number)
        self.sqlstate = sqlstate


DEADLOCK = OperationalError("UPDATE", {}, DriverError("40P01", 1213))
TIMEOUT = OperationalError("UPDATE", {}, DriverError("57014", 1969))
UNAVAILABLE = OperationalError("UPDATE", {}, DriverError("08006", 2013))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "BACKOFF", 0)


def make_failing(*errors: Exception) -> tuple[list[int], object]:
    """Return a list of attempts, and a function that raises `errors` one after another."""
    attempts: list[int] = []

    @retry_on_conflict
    def run(result: str) -> str:
        attempts.append(len(attempts))
        if len(attempts) <= len(errors):
            raise errors[len(attempts) - 1]
        return result

    return attempts, run


@pytest.mark.usefixtures("app_context")
class TestRetry:
    def test_a_conflict_is_retried(self) -> None:
        attempts, run = make_failing(DEADLOCK, DEADLOCK)
        assert run("done") == "done"  # type: ignore[operator]
        assert len(attempts) == 3

    @pytest.mark.parametrize("error", [TIMEOUT, UNAVAILABLE])
    def test_no_other_error_is_retried(self, error: Exception) -> None:
        attempts, run = make_failing(error)
        with pytest.raises(OperationalError):
            run("done")  # type: ignore[operator]
        assert len(attempts) == 1

    def test_the_number_of_attempts_is_limited(self) -> None:
        attempts, run = make_failing(*[DEADLOCK] * 100)
        with pytest.raises(OperationalError):
            run("done")  # type: ignore[operator]
        assert len(attempts) == transactions.ATTEMPTS
