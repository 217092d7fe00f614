"""The `flask tokens` command."""

import click
from flask import current_app
from flask.cli import AppGroup

from app.auth.scopes import default_scopes
from app.auth.tokens import make_access_token

tokens_cli = AppGroup("tokens", help="Create access tokens for development.")


@tokens_cli.command()
@click.argument("subject")
@click.option("--scopes", help="Space-separated; defaults to those of a new user.")
@click.option("--lifetime", default=3600, show_default=True, help="In seconds.")
def make(subject: str, scopes: str | None, lifetime: int) -> None:
    """Print an access token, signed with the first private key in JWT_KEYS."""
    key = next((key for key in current_app.config["JWT_KEYS"] if key.can_sign), None)
    if key is None:
        raise click.ClickException("JWT_KEYS contains no private key.")
    granted = default_scopes() if scopes is None else scopes
    click.echo(make_access_token(key, subject, granted, lifetime))
