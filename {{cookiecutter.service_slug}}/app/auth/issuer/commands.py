"""The `flask keys` command."""

import json
import os
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from app.auth.tokens.keys import make_key, read_keys

keys = AppGroup("keys", help="Look after the keys of the tokens.")


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
