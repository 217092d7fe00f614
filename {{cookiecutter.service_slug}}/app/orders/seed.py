"""Sample orders: `flask orders seed`."""

import click

from app.orders.commands import commands, place_samples

__all__ = ["commands"]


@commands.command()
@click.option("--count", default=20, show_default=True, help="How many.")
def seed(count: int) -> None:
    """Place sample orders."""
    place_samples(count)
