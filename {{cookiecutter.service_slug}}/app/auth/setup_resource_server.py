"""Authentication by access tokens of a trusted issuer."""

from flask import Flask

from app.auth.commands import tokens_cli
from app.auth.identity import Identity
from app.auth.keys import KeyRing
from app.auth.resource_server import RemoteKeys
from app.auth.settings import validate_default_scopes
from app.auth.tokens import ACCESS_TOKEN_TYPE, init_tokens, verify_request

# Accepted `typ` headers: not every issuer sets one.
TYPES = {None, "jwt", ACCESS_TOKEN_TYPE}


def init_auth(app: Flask) -> None:
    """Authenticate requests by their access token."""
    validate_default_scopes(app)
    url = app.config["JWKS_URL"]
    keys = RemoteKeys(url) if url else KeyRing(app.config["JWT_KEYS"])
    init_tokens(app, authenticate, keys, TYPES, "An access token from the issuer.")
    app.cli.add_command(tokens_cli)


def authenticate() -> Identity | None:
    """Return the caller of the request; raise `Unauthorized` for an invalid access token."""
    verified = verify_request()
    return verified and verified.identity
