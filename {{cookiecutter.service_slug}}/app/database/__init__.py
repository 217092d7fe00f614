"""The database, and what the service does when it fails.

While it is away the service stays live, is not ready, and answers 503 with Retry-After; the detail
tells a transaction that lost to others, or a statement that took too long, from a database that is
away. What the database refuses for a constraint is 409, for a value 422.
"""

import os
from weakref import WeakSet, finalize

from dockerflow.checks import register
from flask import Flask, Response, current_app
from sqlalchemy import Engine, exc
from werkzeug.exceptions import Conflict, ServiceUnavailable, UnprocessableEntity

from app.api.errors import handle_http_exception
from app.database.commands import commands
from app.database.engine import init_engine, sample_pools
from app.database.migrations import check_connection, check_migrations
from app.database.transactions import is_conflict, is_timeout
from app.extensions import db, migrate
from app.observability.metrics import samplers

__all__ = ["db", "init_database"]

RETRY_AFTER = 5

# Those of the applications that this process has made, for as long as they live.
_engines: WeakSet[Engine] = WeakSet()


def abandon_connections() -> None:
    """Drop the connections that a forked worker has from its parent, who goes on using them."""
    for engine in _engines:
        engine.dispose(close=False)


# Once for the process, which cannot take them back.
samplers.append(lambda: sample_pools(list(_engines)))
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=abandon_connections)


def init_database(app: Flask) -> None:
    """Connect the application to its database; nothing is opened before the first query."""
    db.init_app(app)
    migrate.init_app(app, db, directory=os.path.join(app.root_path, os.pardir, "migrations"))
    app.teardown_appcontext(end_session)
    app.cli.add_command(commands)

    register(check_connection, "database")
    register(check_migrations, "migrations")
    for error in (exc.InterfaceError, exc.OperationalError, exc.TimeoutError):
        app.register_error_handler(error, answer_failure)
    app.register_error_handler(exc.IntegrityError, answer_refused)
    app.register_error_handler(exc.DataError, answer_refused)

    with app.app_context():
        engine = db.engine
    init_engine(engine)
    _engines.add(engine)
    # An application that is dropped, as tests do, closes its connections.
    finalize(app, engine.dispose)


def end_session(_: BaseException | None) -> None:
    """Roll back what a request left open; where its connection has died, there is nothing left to."""
    try:
        db.session.remove()
    except exc.DBAPIError:
        current_app.logger.warning("a connection died at the end of a request", exc_info=True)
        db.session().invalidate()


def answer_failure(error: Exception) -> Response:
    """Return the problem for a request that the database did not serve, and log which."""
    retry_after = RETRY_AFTER
    if is_conflict(error):
        failure, retry_after = "The transaction conflicted with concurrent ones.", 1
    elif is_timeout(error):
        failure = "A database statement exceeded its time limit."
    elif isinstance(error, exc.TimeoutError):
        failure = "No database connection became free in time."
    else:
        failure = "The database is unavailable."
    current_app.logger.error(failure, exc_info=error)
    return handle_http_exception(ServiceUnavailable(failure, retry_after=retry_after))


def answer_refused(error: Exception) -> Response:
    """Return the problem for a request that the database refused."""
    current_app.logger.warning("refused by the database", exc_info=error)
    if isinstance(error, exc.IntegrityError):
        return handle_http_exception(Conflict("It conflicts with what is already stored."))
    return handle_http_exception(UnprocessableEntity("A value is out of range."))
