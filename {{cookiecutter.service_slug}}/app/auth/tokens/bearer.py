"""Tokens in requests (RFC 6750), and in OpenAPI."""

from flask import Flask, current_app, request
from werkzeug.exceptions import Unauthorized

from app.auth.identity import Authenticate, init_identity, unauthorized
from app.auth.tokens.verification import InvalidToken, Keys, Verified, Verifier
from app.extensions import api


def init_bearer(
    app: Flask, authenticate: Authenticate, keys: Keys, types: set[str | None], source: str
) -> None:
    """Know each request by its access token; `source` says where a client gets one."""
    config = app.config
    app.extensions["verifier"] = Verifier(keys, config["JWT_ISSUER"], config["JWT_AUDIENCE"], types)
    init_identity(app, authenticate)
    api.spec.components.security_scheme(
        "bearer",
        {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": source},
    )


def verify_request() -> Verified:
    """Return what the request's access token says; raises `Unauthorized` without a good one."""
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized("bearer", "Send an access token: Authorization: Bearer <token>.")
    try:
        verified: Verified = current_app.extensions["verifier"].verify(token)
    except InvalidToken as error:
        raise refused(str(error)) from None
    return verified


def refused(reason: str) -> Unauthorized:
    """Return the error of a request whose token proves nothing (RFC 6750, section 3.1)."""
    return unauthorized("bearer", reason, error="invalid_token", error_description=reason)
