"""The `flask orders` commands."""

from datetime import timedelta

import click
from flask.cli import AppGroup

from app.orders import checkout
from app.orders.seed import seed

orders_cli = AppGroup("orders", help="Manage orders.")
orders_cli.add_command(seed)


@orders_cli.command()
@click.option(
    "--older-than",
    default=60.0,
    show_default=True,
    help="Only orders unchanged for this many seconds.",
)
def settle(older_than: float) -> None:
    """Complete interrupted payments and refunds. Run it every minute.

    Exits with 1 if an order cannot be settled; the log says why.
    """
    settled, waiting, failed = checkout.settle_orders(timedelta(seconds=older_than))
    click.echo(f"{settled} settled, {waiting} waiting for the payment provider, {failed} failed")
    if failed:
        raise SystemExit(1)
