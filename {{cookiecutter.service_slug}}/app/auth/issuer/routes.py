"""Logging in and out over HTTP."""

from typing import Any

from flask import current_app, request

from app.api import Blueprint
from app.auth.issuer import service
from app.auth.issuer.schemas import KeySetSchema, RefreshSchema, TokensSchema
from app.auth.tokens.bearer import verify_request
from app.auth.users.accounts import check_credentials, current_user
from app.auth.users.schemas import CredentialsSchema

auth = Blueprint("auth", __name__, url_prefix="/auth", description="Log in and out")


@auth.post("/login", public=True)
@auth.arguments(CredentialsSchema)
@auth.response(200, TokensSchema)
@auth.alt_response(401, "UNAUTHORIZED")
@auth.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(credentials: dict[str, str]) -> dict[str, Any]:
    """Get tokens for an e-mail address and its password"""
    return service.log_in(check_credentials(**credentials, address=request.remote_addr))


@auth.post("/refresh", public=True)
@auth.arguments(RefreshSchema)
@auth.response(200, TokensSchema)
@auth.alt_response(401, "UNAUTHORIZED")
def refresh(body: dict[str, str]) -> dict[str, Any]:
    """Get new tokens for a refresh token

    Each is good for one call: used again, it ends the login.
    """
    return service.refresh(body["refresh_token"])


@auth.post("/logout")
@auth.response(204)
def log_out() -> None:
    """End this login: its tokens are good for nothing from now on"""
    verified = verify_request()
    assert verified is not None  # the route is guarded
    current_app.extensions["revocations"].revoke(family=verified.sid)


@auth.post("/logout-everywhere")
@auth.response(204)
def log_out_everywhere() -> None:
    """End every login of this user"""
    service.end_logins(current_user().id)


@auth.get("/jwks.json", public=True)
@auth.response(200, KeySetSchema)
def jwks() -> dict[str, Any]:
    """The public keys of the tokens, for services that verify them (RFC 7517)"""
    keys = current_app.extensions["verifier"].keys.keys.values()
    return {"keys": [key.public() for key in keys if not key.is_secret]}
