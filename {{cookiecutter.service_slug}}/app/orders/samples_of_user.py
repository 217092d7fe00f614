"""Sample orders of a user: `flask orders seed`."""

import click

from app.auth.users.accounts import find_user
from app.orders.commands import commands, place_samples

__all__ = ["commands"]


@commands.command()
@click.argument("email")
@click.option("--count", default=20, show_default=True, help="How many.")
def seed(email: str, count: int) -> None:
    """Place sample orders of the user with that e-mail address."""
    user = find_user(email)
    if user is None:
        raise click.ClickException("There is no account with this e-mail address.")
    place_samples(count, owner_id=user.id)
