"""Login and tokens over HTTP."""

from typing import Any

from flask import current_app, request

from app.api import Blueprint
from app.auth import logins, users
from app.auth.schemas import CredentialsSchema
from app.auth.token_schemas import KeySetSchema, RefreshSchema, TokensSchema

login = Blueprint("login", __name__, url_prefix="/auth", description="Login")
keys = Blueprint("keys", __name__, url_prefix="/auth", description="Public keys of tokens")


@login.post("/login", public=True)
@login.arguments(CredentialsSchema)
@login.response(200, TokensSchema)
@login.alt_response(401, "UNAUTHORIZED")
@login.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(credentials: dict[str, str]) -> dict[str, str | int]:
    """Log in with an e-mail address and a password"""
    return logins.log_in(users.authenticate_user(**credentials, address=request.remote_addr))


@login.post("/refresh", public=True)
@login.arguments(RefreshSchema)
@login.response(200, TokensSchema)
@login.alt_response(401, "UNAUTHORIZED")
def refresh(body: dict[str, str]) -> dict[str, str | int]:
    """Exchange a refresh token for new tokens

    A refresh token is valid for one call; reusing it revokes all tokens of the login.
    """
    return logins.refresh(body["refresh_token"])


@login.post("/logout")
@login.response(204)
def log_out() -> None:
    """Revoke the tokens of this login"""
    logins.log_out()


@keys.get("/jwks.json", public=True)
@keys.response(200, KeySetSchema)
def jwks() -> dict[str, Any]:
    """Get the public keys that verify access tokens (RFC 7517)"""
    return {"keys": [key.public() for key in current_app.config["JWT_KEYS"] if not key.is_secret]}
