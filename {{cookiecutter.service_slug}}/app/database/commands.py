"""The `flask database` commands."""

import time

import click
from flask.cli import AppGroup
from sqlalchemy import exc, select

from app.database.extension import db

commands = AppGroup("database", help="Look after the database.")


@commands.command()
@click.option("--timeout", default=60.0, show_default=True, help="Give up after so many seconds.")
def wait(timeout: float) -> None:
    """Wait until the database answers."""
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
            click.echo("The database answers.")
            return
