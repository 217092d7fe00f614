"""The `flask users` commands."""

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from app.auth.schemas import RegistrationSchema
from app.auth.sessions import revoke_logins
from app.auth.users import create_user, find_user
from app.extensions import db

users_cli = AppGroup("users", help="Manage users.")


@users_cli.command()
@click.argument("email")
@click.option("--scopes", help="Space-separated; defaults to those of a registered user.")
@click.password_option(envvar="NEW_USER_PASSWORD")
def create(email: str, scopes: str | None, password: str) -> None:
    """Create a user. Prompts for the password unless NEW_USER_PASSWORD is set."""
    try:
        RegistrationSchema().load({"email": email, "password": password})
    except ValidationError as error:
        raise click.ClickException(str(error)) from error
    user = create_user(email, password, scopes)
    if user is None:
        raise click.ClickException("An account with this e-mail address already exists.")
    click.echo(f"Created user {user.id} ({user.email}).")


@users_cli.command()
@click.argument("email")
@click.option("--disable", is_flag=True, help="Also deactivate the account.")
def revoke(email: str, disable: bool) -> None:
    """End all logins of a user."""
    user = find_user(email)
    if user is None:
        raise click.ClickException("No account has this e-mail address.")
    user.is_active = user.is_active and not disable
    db.session.commit()
    click.echo(f"Logins revoked: {revoke_logins(user.id)}")
