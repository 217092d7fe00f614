"""The `flask users` and `flask keys` commands."""

import json
import os
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from marshmallow import ValidationError

from app.auth.issuer import end_logins
from app.auth.keys import make_key, read_keys
from app.auth.schemas import RegistrationSchema
from app.auth.users import create_user, find_user
from app.extensions import db

users = AppGroup("users", help="Manage the users.")
keys = AppGroup("keys", help="Manage the keys that sign the tokens.")


@users.command()
@click.argument("email")
@click.option("--scopes", help="Space-separated; by default those of a registration.")
@click.password_option(envvar="NEW_USER_PASSWORD")
def create(email: str, scopes: str | None, password: str) -> None:
    """Create an account; prompts for the password unless NEW_USER_PASSWORD is set."""
    try:
        RegistrationSchema().load({"email": email, "password": password})
    except ValidationError as error:
        raise click.ClickException(str(error)) from error
    user = create_user(email, password, scopes)
    if user is None:
        raise click.ClickException("An account with this e-mail address exists.")
    click.echo(f"{user.email} is {user.id}")


@users.command()
@click.argument("email")
@click.option("--disable", is_flag=True, help="Also deactivate the account.")
def revoke(email: str, disable: bool) -> None:
    """End every login of a user: at once on this host, within REVOCATION_DELAY on others."""
    user = find_user(email)
    if user is None:
        raise click.ClickException("No account has this e-mail address.")
    user.is_active = user.is_active and not disable
    db.session.commit()
    click.echo(f"{end_logins(user.id)} logins ended")


@keys.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--algorithm",
    type=click.Choice(["HS256", "RS256", "ES256", "EdDSA"]),
    default="HS256",
    show_default=True,
)
def rotate(path: Path, algorithm: str) -> None:
    """Write a key set to PATH (for JWT_KEYS_FILE): a new key, and the one in use.

    New tokens are signed with the new key; the previous key still verifies the tokens that
    it signed. Only one is kept: let an access token's lifetime pass between two rotations.
    """
    kept = read_keys(path.read_text()) if path.exists() else current_app.config["JWT_KEYS"]
    made = make_key(algorithm)
    whole = {"keys": [made.jwk, kept[0].jwk]}
    # Whole or not at all, and for its owner's eyes alone.
    unfinished = path.with_name(f"{path.name}.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(json.dumps(whole, indent=2) + "\n")
    unfinished.replace(path)
    click.echo(f"New tokens are signed with {made.id}, once the service has started again.")
