"""This service lets in whoever brings a token of the issuer that it trusts."""

from flask import Flask

from app.auth.identity import Identity
from app.auth.resource_server.commands import tokens
from app.auth.resource_server.jwks import RemoteKeys
from app.auth.tokens.bearer import init_bearer, verify_request
from app.auth.tokens.keys import KeyRing
from app.auth.tokens.verification import ACCESS_TOKEN

# Not every issuer says what a token is; who says it is something else is believed.
TYPES = {None, "jwt", ACCESS_TOKEN}


def init_auth(app: Flask) -> None:
    """Know each request by its access token."""
    url = app.config["JWKS_URL"]
    keys = RemoteKeys(url) if url else KeyRing(app.config["JWT_KEYS"])
    init_bearer(app, authenticate, keys, TYPES, "An access token of the issuer.")
    app.cli.add_command(tokens)


def authenticate() -> Identity | None:
    """Return the caller whose access token the request carries; raises `Unauthorized` for a bad one."""
    verified = verify_request()
    return verified and verified.identity
