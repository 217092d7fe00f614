"""Sample orders of a user: `flask orders seed`."""

import click
from flask import g

from app.auth.identity import Identity
from app.auth.users.accounts import find_user
from app.orders import checkout
from app.orders.commands import commands
from app.orders.schemas import OrderSchema

__all__ = ["commands"]


@commands.command()
@click.argument("email")
@click.option("--count", default=20, show_default=True, help="How many.")
def seed(email: str, count: int) -> None:
    """Place sample orders of the user with that e-mail address."""
    user = find_user(email)
    if user is None:
        raise click.ClickException("There is no account with this e-mail address.")
    g.identity = Identity(str(user.id), frozenset())
    for number in range(1, count + 1):
        items = [{"sku": f"SAMPLE-{number}", "quantity": number, "unit_price": "9.99"}]
        order = OrderSchema().load({"currency": "EUR", "items": items})
        checkout.place_order(order, key=None)
    click.echo(f"{count} orders placed")
