"""The `flask tokens` command."""

import click
from flask import current_app
from flask.cli import AppGroup

from app.auth.tokens import make_access_token

tokens = AppGroup("tokens", help="Tokens to try the service with.")


@tokens.command()
@click.argument("subject")
@click.option("--scopes", help="Space-separated; by default DEFAULT_SCOPES of app/config.py.")
@click.option("--lifetime", default=3600, show_default=True, help="In seconds.")
def make(subject: str, scopes: str | None, lifetime: int) -> None:
    """Print an access token as the issuer would sign it; needs the key that signs."""
    key = next((key for key in current_app.config["JWT_KEYS"] if key.can_sign), None)
    if key is None:
        raise click.ClickException("JWT_KEYS holds no key that can sign.")
    granted = current_app.config.get("DEFAULT_SCOPES", "") if scopes is None else scopes
    click.echo(make_access_token(key, subject, granted, lifetime))
