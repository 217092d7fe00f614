"""Errors of the database in a format of ERROR_FORMATS."""

import pytest
from sqlalchemy import exc

from app import create_app
from app.api.errors import ErrorFormat, ProblemSchema
from app.config import load_config

CAUSE = ("SELECT 1", {}, Exception("internal detail"))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exc.OperationalError(*CAUSE), 503),
        (exc.TimeoutError(), 503),
        (exc.IntegrityError(*CAUSE), 409),
        (exc.DataError(*CAUSE), 422),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_of_the_database_has_the_format(error: Exception, status: int) -> None:
    config = load_config("testing")
    config.ERROR_FORMATS = {"/": ErrorFormat(lambda problem: [problem["title"]], ProblemSchema)}
    app = create_app(config)

    @app.get("/fault")
    def fault() -> str:
        raise error

    response = app.test_client().get("/fault")
    assert (response.status_code, response.mimetype) == (status, "application/json")
    assert len(response.get_json()) == 1
    assert "internal detail" not in response.text
    assert ("Retry-After" in response.headers) == (status == 503)
