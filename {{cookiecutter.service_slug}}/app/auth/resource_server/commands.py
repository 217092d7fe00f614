"""The `flask tokens` command."""

import click
from flask import current_app
from flask.cli import AppGroup

from app.auth.tokens.signing import make_access_token

SCOPES = "{{ 'orders:read orders:write' if cookiecutter.example else '' }}"

tokens = AppGroup("tokens", help="Tokens to try the service with.")


@tokens.command()
@click.argument("subject")
@click.option("--scopes", default=SCOPES, show_default=True, help="Space-separated.")
@click.option("--lifetime", default=3600, show_default=True, help="In seconds.")
def make(subject: str, scopes: str, lifetime: int) -> None:
    """Make an access token, as the issuer would, where its key is at hand."""
    key = next((key for key in current_app.config["JWT_KEYS"] if key.can_sign), None)
    if key is None:
        raise click.ClickException("The issuer's key is not here, but what verifies its tokens.")
    click.echo(make_access_token(key, subject, scopes, lifetime))
