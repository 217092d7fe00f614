"""Tokens in requests (RFC 6750), and in OpenAPI."""

from flask import Flask, current_app, request
from werkzeug.exceptions import Unauthorized

from app.auth.identity import Authenticate, init_identity, unauthorized
from app.auth.tokens.verification import InvalidToken, Keys, Verified, Verifier
from app.extensions import api


def init_bearer(
    app: Flask, authenticate: Authenticate, keys: Keys, types: set[str | None], source: str
) -> None:
    """Authenticate requests by their access token; `source` says where a client gets one."""
    config = app.config
    app.extensions["verifier"] = Verifier(keys, config["JWT_ISSUER"], config["JWT_AUDIENCE"], types)
    init_identity(app, authenticate, missing)
    api.spec.components.security_scheme(
        "bearer",
        {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": source},
    )


def verify_request() -> Verified | None:
    """Return the claims of the request's access token, or None without one.

    Raises `Unauthorized` for an invalid one.
    """
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    try:
        verified: Verified = current_app.extensions["verifier"].verify(token)
    except InvalidToken as error:
        raise refused(str(error)) from None
    return verified


def missing() -> Unauthorized:
    """Return the error of a request without an access token (RFC 6750, section 3.1)."""
    return unauthorized("bearer", "Send an access token: Authorization: Bearer <token>.")


def refused(reason: str) -> Unauthorized:
    """Return the error of a request with an invalid token (RFC 6750, section 3.1)."""
    return unauthorized("bearer", reason, error="invalid_token", error_description=reason)
