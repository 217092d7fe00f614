"""The `flask orders seed` command."""

import uuid

import click
from flask.cli import with_appcontext

from app.extensions import db
from app.orders import checkout
from app.orders.schemas import OrderSchema


@click.command()
@click.option("--count", default=20, show_default=True, help="Number of orders.")
@with_appcontext
def seed(count: int) -> None:
    """Place sample orders."""
    for number in range(1, count + 1):
        items = [{"sku": f"SAMPLE-{number}", "quantity": number, "unit_price": "9.99"}]
        order = OrderSchema().load({"currency": "EUR", "items": items})
        checkout.place_order(order, uuid.uuid4())
        db.session.commit()
    click.echo(f"{count} orders placed")
