"""The `flask orders` commands."""

from datetime import timedelta

import click
from flask.cli import AppGroup

from app.orders import checkout

commands = AppGroup("orders", help="Look after the orders.")


@commands.command()
@click.option("--older-than", default=60.0, show_default=True, help="Only what rests that long.")
def settle(older_than: float) -> None:
    """Finish payments and refunds that were interrupted. Run it every minute."""
    settled, waiting = checkout.settle_all(timedelta(seconds=older_than))
    click.echo(f"{settled} settled, {waiting} waiting for the payment provider")
