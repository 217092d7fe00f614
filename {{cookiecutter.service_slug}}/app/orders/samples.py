"""Sample orders: `flask orders seed`."""

import click

from app.orders import checkout
from app.orders.commands import commands
from app.orders.schemas import OrderSchema

__all__ = ["commands"]


@commands.command()
@click.option("--count", default=20, show_default=True, help="How many.")
def seed(count: int) -> None:
    """Place sample orders."""
    for number in range(1, count + 1):
        items = [{"sku": f"SAMPLE-{number}", "quantity": number, "unit_price": "9.99"}]
        order = OrderSchema().load({"currency": "EUR", "items": items})
        checkout.place_order(order, key=None)
    click.echo(f"{count} orders placed")
