"""This service knows its users, and makes the tokens that it lets them in by."""

from flask import Flask, current_app

from app.auth.identity import Identity, init_identity
from app.auth.issuer.commands import keys
from app.auth.issuer.revocation import Revocations
from app.auth.issuer.routes import auth
from app.auth.tokens.keys import KeyRing
from app.auth.tokens.verification import (
    ACCESS_TOKEN,
    InvalidToken,
    Verifier,
    bearer_token,
    refused,
)
from app.auth.users.commands import commands
from app.auth.users.routes import users
from app.extensions import api


def init_auth(app: Flask) -> None:
    """Serve /auth, and know each request by its access token."""
    config = app.config
    app.extensions["verifier"] = Verifier(
        KeyRing(config["JWT_KEYS"]), config["JWT_ISSUER"], config["JWT_AUDIENCE"], {ACCESS_TOKEN}
    )
    app.extensions["revocations"] = Revocations(
        config["ACCESS_TOKEN_LIFETIME"], config["REVOCATION_DELAY"]
    )
    init_identity(app, authenticate)
    api.spec.components.security_scheme(
        "bearer",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access_token that /auth/login answers.",
        },
    )
    api.register_blueprint(users)
    api.register_blueprint(auth)
    app.cli.add_command(commands)
    app.cli.add_command(keys)


def authenticate() -> Identity:
    """Return whose access token the request carries; raises `Unauthorized` without a good one."""
    try:
        verified = current_app.extensions["verifier"].verify(bearer_token())
        current_app.extensions["revocations"].check(verified.sid)
    except InvalidToken as error:
        raise refused(error) from None
    identity: Identity = verified.identity
    return identity
