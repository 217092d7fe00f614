"""Authentication by access tokens that this service issues to its users."""

from flask import Flask

from app.auth.commands import keys_cli, users_cli
from app.auth.identity import Identity
from app.auth.keys import KeyRing
from app.auth.routes import auth
from app.auth.token_families import Revocations, revocations
from app.auth.tokens import ACCESS_TOKEN_TYPE, init_tokens, verify_request
from app.extensions import api


def init_auth(app: Flask) -> None:
    """Register /auth, and authenticate requests by their access token."""
    config = app.config
    app.extensions["revocations"] = Revocations(
        config["ACCESS_TOKEN_LIFETIME"], config["REVOCATION_DELAY"]
    )
    source = "The access_token from /auth/login."
    init_tokens(app, authenticate, KeyRing(config["JWT_KEYS"]), {ACCESS_TOKEN_TYPE}, source)
    api.register_blueprint(auth)
    app.cli.add_command(users_cli)
    app.cli.add_command(keys_cli)


def authenticate() -> Identity | None:
    """Return the caller of the request; raise `Unauthorized` for an invalid access token."""
    verified = verify_request()
    if verified is None:
        return None
    revocations.require_not_revoked(verified.sid)
    return verified.identity
