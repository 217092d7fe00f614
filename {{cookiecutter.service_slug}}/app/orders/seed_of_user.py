"""Sample orders of a user: `flask orders seed`."""

import click
from flask import g

from app.auth.identity import Identity
from app.auth.users import find_user
from app.orders.commands import commands, place_samples

__all__ = ["commands"]


@commands.command()
@click.argument("email")
@click.option("--count", default=20, show_default=True, help="How many.")
def seed(email: str, count: int) -> None:
    """Place sample orders of the user with that e-mail address."""
    user = find_user(email)
    if user is None:
        raise click.ClickException("No account has this e-mail address.")
    g.identity = Identity(str(user.id), frozenset())
    place_samples(count)
