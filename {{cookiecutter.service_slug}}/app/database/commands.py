"""The `flask database` commands."""

import time

import click
import flask_migrate
from flask.cli import AppGroup
from sqlalchemy import exc, select

from app.database.migrations import ACCEPT_AHEAD
from app.extensions import db

database_cli = AppGroup("database", help="Manage the database connection and migrations.")

timeout_option = click.option(
    "--timeout", default=60.0, show_default=True, help="Seconds to wait for the database."
)


@database_cli.command()
@timeout_option
def wait(timeout: float) -> None:
    """Wait until the database accepts queries."""
    wait_for_database(timeout)
    click.echo("The database is available.")


@database_cli.command()
@timeout_option
def migrate(timeout: float) -> None:
    """Apply the migrations of this release. Run it first on every replica of a deployment.

    One replica migrates, and the others wait for it. A database that a newer release has migrated
    is not changed: after a rollback, the older release runs on it.
    """
    wait_for_database(timeout)
    try:
        flask_migrate.upgrade(revision="heads", tag=ACCEPT_AHEAD)
    except TimeoutError as error:
        raise click.ClickException(str(error)) from error


def wait_for_database(timeout: float) -> None:
    """Return when the database accepts queries; raise `ClickException` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            with db.engine.connect() as connection:
                connection.execute(select(1))
        except exc.DBAPIError as error:
            if time.monotonic() > deadline:
                message = f"The database is unavailable after {timeout:g} s: {error.orig}"
                raise click.ClickException(message) from error
            time.sleep(0.5)
        else:
            return
