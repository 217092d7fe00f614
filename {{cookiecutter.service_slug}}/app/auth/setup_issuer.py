"""Authentication by access tokens that this service issues to its users."""

from flask import Flask

from app.auth.commands import users_cli
from app.auth.identity import Identity
from app.auth.key_commands import keys_cli
from app.auth.keys import KeyRing
from app.auth.login_routes import keys, login
from app.auth.routes import accounts
from app.auth.settings import validate_default_scopes, validate_lifetimes
from app.auth.token_families import Revocations, revocations
from app.auth.tokens import ACCESS_TOKEN_TYPE, init_tokens, verify_request
from app.extensions import api


def init_auth(app: Flask) -> None:
    """Register /auth unless ACCOUNT_ROUTES is off, and authenticate requests by their access token."""
    config = app.config
    validate_default_scopes(app)
    validate_lifetimes(app, "ACCESS_TOKEN_LIFETIME", "REFRESH_TOKEN_LIFETIME")
    app.extensions["revocations"] = Revocations(
        config["ACCESS_TOKEN_LIFETIME"], config["REVOCATION_DELAY"]
    )
    source = "The access_token from /auth/login."
    init_tokens(app, authenticate, KeyRing(config["JWT_KEYS"]), {ACCESS_TOKEN_TYPE}, source)
    api.register_blueprint(keys)
    if config["ACCOUNT_ROUTES"]:
        api.register_blueprint(accounts)
        api.register_blueprint(login)
    app.cli.add_command(users_cli)
    app.cli.add_command(keys_cli)


def authenticate() -> Identity | None:
    """Return the caller of the request; raise `Unauthorized` for an invalid access token."""
    verified = verify_request()
    if verified is None:
        return None
    revocations.require_not_revoked(verified.sid)
    return verified.identity
