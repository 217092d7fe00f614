"""The `flask keys` command."""

import json
import os
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from app.auth.keys import generate_key, parse_keys

keys_cli = AppGroup("keys", help="Manage the keys that sign tokens.")


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
