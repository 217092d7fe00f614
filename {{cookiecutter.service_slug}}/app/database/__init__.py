"""The database: its extensions, and what the service does while it is away.

Then it stays live, is not ready, and answers 503 with Retry-After.
"""

import os
from functools import partial

from flask import Flask, Response, current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from werkzeug.exceptions import ServiceUnavailable

from app.database.base import Base
from app.errors import handle_http_exception
from app.health import add_check

RETRY_AFTER = 5

db = SQLAlchemy(model_class=Base)
migrate = Migrate()


def init_database(app: Flask) -> None:
    """Connect the application to its database; nothing is opened before the first query."""
    db.init_app(app)
    migrate.init_app(app, db)

    add_check(app, "database", ping)
    for error in (InterfaceError, OperationalError, TimeoutError):
        app.register_error_handler(error, answer_unavailable)

    # A forked worker must not talk over its parent's connections.
    with app.app_context():
        os.register_at_fork(after_in_child=partial(db.engine.dispose, close=False))


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
