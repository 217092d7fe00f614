"""This service knows its users, and makes the tokens that it lets them in by."""

from flask import Flask, current_app

from app.auth.identity import Identity
from app.auth.issuer.commands import keys
from app.auth.issuer.revocation import Revocations
from app.auth.issuer.routes import auth
from app.auth.tokens.bearer import init_bearer, verify_request
from app.auth.tokens.keys import KeyRing
from app.auth.tokens.verification import ACCESS_TOKEN
from app.auth.users.commands import commands
from app.auth.users.routes import users
from app.extensions import api


def init_auth(app: Flask) -> None:
    """Serve /auth, and know each request by its access token."""
    config = app.config
    app.extensions["revocations"] = Revocations(
        config["ACCESS_TOKEN_LIFETIME"], config["REVOCATION_DELAY"]
    )
    source = "The access_token that /auth/login answers."
    init_bearer(app, authenticate, KeyRing(config["JWT_KEYS"]), {ACCESS_TOKEN}, source)
    api.register_blueprint(users)
    api.register_blueprint(auth)
    app.cli.add_command(commands)
    app.cli.add_command(keys)


def authenticate() -> Identity | None:
    """Return the caller whose access token the request carries; raises `Unauthorized` for a bad one."""
    verified = verify_request()
    if verified is None:
        return None
    current_app.extensions["revocations"].check(verified.sid)
    return verified.identity
