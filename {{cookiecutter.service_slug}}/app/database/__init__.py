"""Set up the database, and handle its errors.

While the database is unavailable, the service is live but not ready, and responds with 503 and
Retry-After. The detail distinguishes an unavailable database from a transaction conflict, a
statement timeout and an exhausted pool. A violated constraint is a 409, an invalid value a 422, and
a row that a concurrent request has changed a 412.
"""

import os
from weakref import WeakSet, finalize

from dockerflow.checks import register
from flask import Flask, Response, current_app
from sqlalchemy import Engine, exc
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import (
    Conflict,
    PreconditionFailed,
    ServiceUnavailable,
    UnprocessableEntity,
)

from app.api import idempotency  # noqa: F401  its model is part of the schema
from app.api.errors import handle_http_exception
from app.database.commands import database_cli
from app.database.engine import init_engine, sample_pools
from app.database.migrations import check_connection, check_migrations
from app.database.transactions import is_conflict, is_timeout
from app.extensions import db, migrate
from app.observability.metrics import samplers

__all__ = ["db", "init_database"]

RETRY_AFTER = 5

# Engines of the applications in this process, as long as these exist.
_engines: WeakSet[Engine] = WeakSet()


def abandon_connections() -> None:
    """Discard the connections a forked worker inherits; its parent keeps using them."""
    for engine in _engines:
        engine.dispose(close=False)


# Registered once per process: neither can be unregistered.
samplers.append(lambda: sample_pools(list(_engines)))
os.register_at_fork(after_in_child=abandon_connections)


def init_database(app: Flask) -> None:
    """Set up the database of the application; the first query opens the first connection."""
    db.init_app(app)
    migrate.init_app(app, db, directory=os.path.join(app.root_path, os.pardir, "migrations"))
    app.teardown_appcontext(end_session)
    app.cli.add_command(database_cli)

    register(check_connection, "database")
    register(check_migrations, "migrations")
    for error in (exc.InterfaceError, exc.OperationalError, exc.TimeoutError):
        app.register_error_handler(error, handle_unavailable)
    app.register_error_handler(exc.IntegrityError, handle_rejected)
    app.register_error_handler(exc.DataError, handle_rejected)
    app.register_error_handler(StaleDataError, handle_stale)

    with app.app_context():
        engine = db.engine
    init_engine(engine)
    _engines.add(engine)
    # Close the connections of an application that is garbage-collected, as in tests.
    finalize(app, engine.dispose)


def end_session(_: BaseException | None) -> None:
    """Roll back an open transaction; if its connection is broken, discard the connection."""
    try:
        db.session.remove()
    except exc.DBAPIError:
        current_app.logger.warning("the database failed at the end of a request", exc_info=True)
        db.session().invalidate()


def handle_unavailable(error: Exception) -> Response:
    """Log the cause of a failed query, and return a 503 problem that names it."""
    retry_after = RETRY_AFTER
    if is_conflict(error):
        failure, retry_after = "The transaction conflicted with another one.", 1
    elif is_timeout(error):
        failure = "A database statement exceeded its time limit."
    elif isinstance(error, exc.TimeoutError):
        failure = "No database connection became free in time."
    else:
        failure = "The database is unavailable."
    current_app.logger.error(failure, exc_info=error)
    return handle_http_exception(ServiceUnavailable(failure, retry_after=retry_after))


def handle_rejected(error: Exception) -> Response:
    """Log and return the problem for a violated constraint or an invalid value."""
    current_app.logger.warning("the database rejected a value", exc_info=error)
    if isinstance(error, exc.IntegrityError):
        return handle_http_exception(Conflict("The request conflicts with stored data."))
    return handle_http_exception(UnprocessableEntity("A value is out of range."))


def handle_stale(_: Exception) -> Response:
    """Return the problem for a `Versioned` row that a concurrent request changed first."""
    detail = "Another request changed the resource. Get it again."
    return handle_http_exception(PreconditionFailed(detail))
