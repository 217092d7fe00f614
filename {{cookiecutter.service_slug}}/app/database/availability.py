"""What the service does while its database is away: it is not ready, and answers 503."""

from flask import Flask, Response, current_app
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from werkzeug.exceptions import ServiceUnavailable

from app import health
from app.errors import handle_http_exception
from app.extensions import db

RETRY_AFTER = 5


def init_app(app: Flask) -> None:
    """Watch the database in the readiness probe, and answer for it while it is away."""
    health.add_check(app, "database", ping)
    for error in (InterfaceError, OperationalError, TimeoutError):
        app.register_error_handler(error, answer_unavailable)


def ping() -> None:
    """Raise when the database does not answer."""
    with db.engine.connect() as connection:
        connection.execute(select(1))


def answer_unavailable(error: Exception) -> Response:
    """Return the problem for a request that found the database away."""
    current_app.logger.error("database unavailable", exc_info=error)
    return handle_http_exception(
        ServiceUnavailable("The database is unavailable.", retry_after=RETRY_AFTER)
    )
