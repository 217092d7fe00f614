"""Sets up authentication by tokens that this service issues to its users."""

from flask import Flask

from app.auth.commands import keys, users
from app.auth.identity import Identity
from app.auth.keys import KeyRing
from app.auth.routes import auth
from app.auth.token_families import Revocations, revocations
from app.auth.tokens import ACCESS_TOKEN, init_tokens, verify_request
from app.extensions import api


def init_auth(app: Flask) -> None:
    """Serve /auth, and authenticate each request by its access token."""
    config = app.config
    revocations.set(app, Revocations(config["ACCESS_TOKEN_LIFETIME"], config["REVOCATION_DELAY"]))
    source = "The access_token of /auth/login."
    init_tokens(app, authenticate, KeyRing(config["JWT_KEYS"]), {ACCESS_TOKEN}, source)
    api.register_blueprint(auth)
    app.cli.add_command(users)
    app.cli.add_command(keys)


def authenticate() -> Identity | None:
    """Return the caller by the request's access token; raises `Unauthorized` for an invalid one."""
    verified = verify_request()
    if verified is None:
        return None
    revocations.get().check(verified.sid)
    return verified.identity
