"""The `flask keys` command."""

import json
import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from flask import current_app
from flask.cli import AppGroup

from app.auth.tokens.keys import Key, read_keys, read_pem

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

    New tokens are signed with the new key; those that are about stay good. One old key is kept: let
    an access token's lifetime pass between two rotations.
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


def make_key(algorithm: str) -> Key:
    """Return a new key."""
    if algorithm == "HS256":
        secret = urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        return Key({"kty": "oct", "k": secret, "alg": "HS256"})
    made: Any
    if algorithm == "RS256":
        made = rsa.generate_private_key(65537, 2048)
    elif algorithm == "ES256":
        made = ec.generate_private_key(ec.SECP256R1())
    else:
        made = ed25519.Ed25519PrivateKey.generate()
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Key(read_pem(pem))
