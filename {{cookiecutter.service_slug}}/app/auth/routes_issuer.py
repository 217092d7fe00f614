"""Accounts, login and tokens over HTTP."""

from typing import Any

from flask import current_app, request

from app.api import Blueprint
from app.auth import issuer, users
from app.auth.schemas import CredentialsSchema, RegistrationSchema, UserSchema
from app.auth.token_families import revocations
from app.auth.token_schemas import KeySetSchema, RefreshSchema, TokensSchema
from app.auth.tokens import verify_request
from app.auth.users import User

auth = Blueprint("auth", __name__, url_prefix="/auth", description="Accounts and login")


@auth.post("/register", public=True)
@auth.arguments(RegistrationSchema)
@auth.response(201, RegistrationSchema)
@auth.alt_response(403, "FORBIDDEN")
def register(credentials: dict[str, str]) -> dict[str, str]:
    """Create an account

    The response is the same if the e-mail address already has an account, which stays unchanged.
    """
    users.register(**credentials, address=request.remote_addr)
    return credentials


@auth.post("/login", public=True)
@auth.arguments(CredentialsSchema)
@auth.response(200, TokensSchema)
@auth.alt_response(401, "UNAUTHORIZED")
@auth.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(credentials: dict[str, str]) -> dict[str, Any]:
    """Log in with an e-mail address and a password"""
    return issuer.log_in(users.authenticate_user(**credentials, address=request.remote_addr))


@auth.post("/refresh", public=True)
@auth.arguments(RefreshSchema)
@auth.response(200, TokensSchema)
@auth.alt_response(401, "UNAUTHORIZED")
def refresh(body: dict[str, str]) -> dict[str, Any]:
    """Exchange a refresh token for new tokens

    A refresh token is valid for one call; reusing it revokes all tokens of the login.
    """
    return issuer.refresh(body["refresh_token"])


@auth.post("/logout")
@auth.response(204)
def log_out() -> None:
    """Revoke the tokens of this login"""
    verified = verify_request()
    assert verified is not None  # the route is guarded
    revocations.revoke(family=verified.sid)


@auth.post("/logout-everywhere")
@auth.response(204)
def log_out_everywhere() -> None:
    """Revoke the tokens of all logins of the current user"""
    issuer.revoke_logins(users.current_user().id)


@auth.get("/jwks.json", public=True)
@auth.response(200, KeySetSchema)
def jwks() -> dict[str, Any]:
    """Get the public keys that verify access tokens (RFC 7517)"""
    keys = current_app.config["JWT_KEYS"]
    return {"keys": [key.public() for key in keys if not key.is_secret]}


@auth.get("/me")
@auth.response(200, UserSchema)
def me() -> User:
    """Get the current user"""
    return users.current_user()
