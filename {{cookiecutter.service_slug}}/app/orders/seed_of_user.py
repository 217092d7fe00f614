"""The `flask orders seed` command."""

import uuid

import click
from flask import g
from flask.cli import with_appcontext

from app.auth.identity import Identity
from app.auth.users import find_user
from app.extensions import db
from app.orders import checkout
from app.orders.schemas import OrderSchema


@click.command()
@click.argument("email")
@click.option("--count", default=20, show_default=True, help="Number of orders.")
@with_appcontext
def seed(email: str, count: int) -> None:
    """Place sample orders for the user with the e-mail address EMAIL."""
    user = find_user(email)
    if user is None:
        raise click.ClickException("No account has this e-mail address.")
    g.identity = Identity(str(user.id), frozenset())
    for number in range(1, count + 1):
        items = [{"sku": f"SAMPLE-{number}", "quantity": number, "unit_price": "9.99"}]
        order = OrderSchema().load({"currency": "EUR", "items": items})
        checkout.place_order(order, uuid.uuid4())
        db.session.commit()
    click.echo(f"{count} orders placed")
