"""The `flask users` commands."""

from collections.abc import Iterable

import click
from flask.cli import AppGroup
from marshmallow import ValidationError
from sqlalchemy import select

from app.auth.accounts import end_logins, update_credentials
from app.auth.passwords import hash_password
from app.auth.schemas import RegistrationSchema
from app.auth.scopes import MAX_LENGTH, declared_scopes, is_scope_list
from app.auth.users import User, create_user, find_user
from app.extensions import db

users_cli = AppGroup("users", help="Manage users.")


@users_cli.command()
@click.argument("email")
@click.option("--scopes", help="Space-separated; defaults to those of a registered user.")
@click.password_option(envvar="NEW_USER_PASSWORD")
def create(email: str, scopes: str | None, password: str) -> None:
    """Create a user. Prompts for the password unless NEW_USER_PASSWORD is set."""
    validate_credentials(email, password)
    if scopes is not None:
        scopes = join_scopes(scopes.split(), set())
    user = create_user(email, password, scopes)
    if user is None:
        raise click.ClickException("An account with this e-mail address already exists.")
    click.echo(f"Created user {user.id} ({user.email}).")


@users_cli.command()
@click.argument("email")
@click.option("--disable", is_flag=True, help="Also deactivate the account.")
def revoke(email: str, disable: bool) -> None:
    """End all logins of a user.

    Access tokens that this host did not revoke itself are valid for REVOCATION_DELAY seconds.
    """
    values = {"is_active": False} if disable else {}
    click.echo(f"Logins revoked: {end_logins(require_user(email).id, **values)}")


@users_cli.command()
@click.argument("email")
def enable(email: str) -> None:
    """Activate an account that `revoke --disable` deactivated."""
    require_user(email).is_active = True
    db.session.commit()


@users_cli.command()
@click.argument("email")
@click.argument("scopes", nargs=-1, required=True)
def grant(email: str, scopes: tuple[str, ...]) -> None:
    """Grant scopes to a user."""
    user = require_user(email)
    user.scopes = join_scopes(scopes, set(user.scopes.split()))
    db.session.commit()
    click.echo(f"Scopes of {user.email}: {user.scopes}")


@users_cli.command()
@click.argument("email")
@click.argument("scopes", nargs=-1, required=True)
def withdraw(email: str, scopes: tuple[str, ...]) -> None:
    """Withdraw scopes from a user, and end the logins, whose tokens would keep the scopes."""
    user = require_user(email)
    if unknown := set(scopes) - set(user.scopes.split()):
        raise click.ClickException(f"Not granted to {user.email}: {' '.join(sorted(unknown))}.")
    left = " ".join(sorted(set(user.scopes.split()) - set(scopes)))
    end_logins(user.id, scopes=left)
    click.echo(f"Scopes of {user.email}: {left}")


@users_cli.command()
@click.argument("email")
@click.password_option(envvar="NEW_USER_PASSWORD")
def set_password(email: str, password: str) -> None:
    """Replace a user's password and end all logins.

    Prompts for the password unless NEW_USER_PASSWORD is set.
    """
    user = require_user(email)
    validate_credentials(user.email, password)
    values = {"password_hash": hash_password(password)}
    if not update_credentials(user.id, user.password_hash, values):
        raise click.ClickException("The password was changed at the same time.")


@users_cli.command("list")
def list_users() -> None:
    """Print the e-mail address, state and scopes of every user."""
    for user in db.session.scalars(select(User).order_by(User.email)).yield_per(1000):
        state = "active" if user.is_active else "deactivated"
        click.echo(f"{user.email}\t{state}\t{user.scopes}")


def require_user(email: str) -> User:
    """Return the user with this e-mail address; raise `ClickException` without one."""
    user = find_user(email)
    if user is None:
        raise click.ClickException("No account has this e-mail address.")
    return user


def join_scopes(new: Iterable[str], present: set[str]) -> str:
    """Return the scopes as a string; raise `ClickException` if they cannot be stored.

    Warns about new ones that no blueprint declares: they are misspelled, or meant for others.
    """
    joined = " ".join(sorted(present.union(new)))
    if not is_scope_list(joined):
        raise click.ClickException(f"Not scopes, or longer than {MAX_LENGTH} characters: {joined}")
    if undeclared := set(new) - declared_scopes():
        listed = " ".join(sorted(undeclared))
        click.echo(f"Warning: no blueprint of this service declares {listed}.", err=True)
    return joined


def validate_credentials(email: str, password: str) -> None:
    """Raise `ClickException` unless a user could register with these credentials."""
    try:
        RegistrationSchema().load({"email": email, "password": password})
    except ValidationError as error:
        raise click.ClickException(str(error)) from error
