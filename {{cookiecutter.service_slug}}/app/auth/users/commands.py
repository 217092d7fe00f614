"""The `flask users` commands."""

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from app.auth.{{ "session" if cookiecutter.auth == "session" else "issuer" }}.service import end_logins
from app.auth.users.accounts import NEW_USER_SCOPES, create_user, find_user
from app.auth.users.schemas import RegistrationSchema
from app.database import db

commands = AppGroup("users", help="Look after the users.")


@commands.command()
@click.argument("email")
@click.option("--scopes", default=NEW_USER_SCOPES, show_default=True, help="Space-separated.")
@click.password_option(envvar="NEW_USER_PASSWORD")
def create(email: str, scopes: str, password: str) -> None:
    """Make an account; the password is asked for, or NEW_USER_PASSWORD."""
    try:
        RegistrationSchema().load({"email": email, "password": password})
    except ValidationError as error:
        raise click.ClickException(str(error)) from error
    user = create_user(email, password, scopes)
    if user is None:
        raise click.ClickException("There is an account with this e-mail address.")
    click.echo(f"{user.email} is {user.id}")


@commands.command()
@click.argument("email")
@click.option("--disable", is_flag=True, help="Also deactivate the account.")
def revoke(email: str, disable: bool) -> None:
    """End every login of a user: on this host at once, on others within a moment."""
    user = find_user(email)
    if user is None:
        raise click.ClickException("There is no account with this e-mail address.")
    user.is_active = user.is_active and not disable
    db.session.commit()
    click.echo(f"{end_logins(user.id)} logins ended")
