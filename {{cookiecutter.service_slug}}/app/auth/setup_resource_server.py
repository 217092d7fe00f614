"""Sets up authentication by tokens of an issuer that this service trusts."""

from flask import Flask

from app.auth.commands import tokens
from app.auth.identity import Identity
from app.auth.keys import KeyRing
from app.auth.resource_server import RemoteKeys
from app.auth.tokens import ACCESS_TOKEN, init_tokens, verify_request

# Not every issuer sets the type; a token of another type is refused.
TYPES = {None, "jwt", ACCESS_TOKEN}


def init_auth(app: Flask) -> None:
    """Authenticate each request by its access token."""
    url = app.config["JWKS_URL"]
    keys = RemoteKeys(url) if url else KeyRing(app.config["JWT_KEYS"])
    init_tokens(app, authenticate, keys, TYPES, "An access token of the issuer.")
    app.cli.add_command(tokens)


def authenticate() -> Identity | None:
    """Return the caller by the request's access token; raises `Unauthorized` for an invalid one."""
    verified = verify_request()
    return verified and verified.identity
