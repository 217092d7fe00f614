"""The `flask users` and `flask keys` commands."""

import json
import os
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from marshmallow import ValidationError

from app.auth.issuer import revoke_logins
from app.auth.keys import generate_key, parse_keys
from app.auth.schemas import RegistrationSchema
from app.auth.users import create_user, find_user
from app.extensions import db

users_cli = AppGroup("users", help="Manage users.")
keys_cli = AppGroup("keys", help="Manage the keys that sign tokens.")


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
    """Revoke all logins of a user; other hosts follow within REVOCATION_DELAY seconds."""
    user = find_user(email)
    if user is None:
        raise click.ClickException("No account has this e-mail address.")
    user.is_active = user.is_active and not disable
    db.session.commit()
    click.echo(f"Logins revoked: {revoke_logins(user.id)}")


@keys_cli.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--algorithm",
    type=click.Choice(["HS256", "RS256", "ES256", "EdDSA"]),
    default="HS256",
    show_default=True,
)
def rotate(path: Path, algorithm: str) -> None:
    """Write a new signing key and the current one to PATH, for JWT_KEYS_FILE.

    New tokens are signed with the new key; the previous key still verifies its tokens.
    Only one previous key is kept: wait an access token's lifetime between two rotations.
    """
    current = parse_keys(path.read_text()) if path.exists() else current_app.config["JWT_KEYS"]
    new_key = generate_key(algorithm)
    jwks = {"keys": [new_key.jwk, current[0].jwk]}
    # Replace the file atomically; only its owner may read it.
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(json.dumps(jwks, indent=2) + "\n")
    temporary.replace(path)
    click.echo(f"Restart the service to sign new tokens with the key {new_key.id}.")
