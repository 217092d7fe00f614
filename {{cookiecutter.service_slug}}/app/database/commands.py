"""The `flask database` commands."""

import time

import click
import flask_migrate
from flask.cli import AppGroup
from sqlalchemy import exc, select

from app.database.migrations import ACCEPT_AHEAD
from app.extensions import db

commands = AppGroup("database", help="Look after the database.")

timeout_option = click.option(
    "--timeout", default=60.0, show_default=True, help="Seconds to wait for the database to answer."
)


@commands.command()
@timeout_option
def wait(timeout: float) -> None:
    """Wait until the database answers."""
    wait_for_database(timeout)
    click.echo("The database answers.")


@commands.command()
@timeout_option
def migrate(timeout: float) -> None:
    """Apply this release's migrations; the first step of each deployment, on every replica.

    One replica migrates, the others wait for it. A database that a newer release has migrated
    stays as it is: after a rollback the older release runs on it.
    """
    wait_for_database(timeout)
    try:
        flask_migrate.upgrade(revision="heads", tag=ACCEPT_AHEAD)
    except TimeoutError as error:
        raise click.ClickException(str(error)) from error


def wait_for_database(timeout: float) -> None:
    """Return when the database answers; raises `ClickException` when it has not in time."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            with db.engine.connect() as connection:
                connection.execute(select(1))
        except exc.DBAPIError as error:
            if time.monotonic() > deadline:
                raise click.ClickException(f"No answer in {timeout:g} s: {error.orig}") from error
            time.sleep(0.5)
        else:
            return
