"""This service lets in whoever brings a token of the issuer that it trusts."""

from flask import Flask, current_app

from app.auth.identity import Identity, init_identity
from app.auth.resource_server.commands import tokens
from app.auth.resource_server.jwks import RemoteKeys
from app.auth.tokens.keys import KeyRing
from app.auth.tokens.verification import (
    ACCESS_TOKEN,
    InvalidToken,
    Verifier,
    bearer_token,
    refused,
)
from app.extensions import api

# Not every issuer says what a token is; who says it is something else is believed.
TYPES = {None, "jwt", ACCESS_TOKEN}


def init_auth(app: Flask) -> None:
    """Know each request by its access token."""
    config = app.config
    url = config["JWKS_URL"]
    keys = RemoteKeys(url) if url else KeyRing(config["JWT_KEYS"])
    app.extensions["verifier"] = Verifier(keys, config["JWT_ISSUER"], config["JWT_AUDIENCE"], TYPES)
    init_identity(app, authenticate)
    api.spec.components.security_scheme(
        "bearer",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of the issuer.",
        },
    )
    app.cli.add_command(tokens)


def authenticate() -> Identity:
    """Return whose access token the request carries; raises `Unauthorized` without a good one."""
    try:
        identity: Identity = current_app.extensions["verifier"].verify(bearer_token()).identity
    except InvalidToken as error:
        raise refused(error) from None
    return identity
