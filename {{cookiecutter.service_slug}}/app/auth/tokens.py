"""Access tokens: JSON Web Tokens (RFC 7519, RFC 9068), verified as RFC 8725 advises.

The key decides the algorithm, never the header of a token.
"""

import re
import time
import uuid
from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple, Protocol

import jwt
from flask import Flask, current_app, request
from werkzeug.exceptions import Unauthorized
from werkzeug.local import LocalProxy

from app.auth.identity import Authentication, Identity, init_authentication, unauthorized
from app.auth.keys import Key
from app.auth.settings import validate_setting
from app.extensions import api

# Seconds by which clocks may differ.
LEEWAY = 10
# Maximum length of a token; longer ones are rejected before parsing.
MAX_LENGTH = 8192
# Verified tokens that each process caches.
MAX_CACHED = 4096

# The `typ` header of access tokens (RFC 9068, section 2.1).
ACCESS_TOKEN_TYPE = "at+jwt"


# A token of RFC 9110, section 5.6.2.
is_scheme = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch


class InvalidToken(Exception):
    """Invalid token; the message is sent to the client."""


class KeySource(Protocol):
    """Source of keys by id."""

    def find(self, kid: str | None) -> Key | None: ...


class VerifiedToken(NamedTuple):
    """Claims of a verified token; `expires_at` is in seconds since the epoch."""

    identity: Identity
    expires_at: float
    sid: str
    key: Key


class Verifier:
    """Verifier of the tokens of one issuer for one audience."""

    def __init__(self, keys: KeySource, issuer: str, audience: str, types: set[str | None]) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        self.types = types
        self.cache: dict[str, VerifiedToken] = {}
        self.lock = Lock()

    def verify(self, token: str) -> VerifiedToken:
        """Return the claims of `token`; raise `InvalidToken` if it is invalid.

        The signature is verified once. The expiry and the validity of the key are checked always.
        """
        verified = self.cache.get(token)
        if verified is None or self.keys.find(verified.key.id) is not verified.key:
            verified = self.decode(token)
            self.add_to_cache(token, verified)
        if verified.expires_at + LEEWAY <= time.time():
            raise InvalidToken("The token has expired.")
        return verified

    def decode(self, token: str) -> VerifiedToken:
        """Verify the signature and the claims of `token` and return them."""
        if len(token) > MAX_LENGTH:
            raise InvalidToken("The token is too long.")
        try:
            header = jwt.get_unverified_header(token)
            key = self.find_key(header)
            claims = jwt.decode(
                token,
                key.verifying_key,
                algorithms=[key.algorithm],
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            return parse_claims(claims, key)
        except jwt.ExpiredSignatureError:
            raise InvalidToken("The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError):
            raise InvalidToken("The token is invalid.") from None

    def find_key(self, header: dict[str, Any]) -> Key:
        """Return the key that the header names; raise `InvalidToken` unless it fits the header."""
        kid = header.get("kid")
        key = self.keys.find(kid)
        if key is None or header.get("alg") != key.algorithm:
            raise InvalidToken("The token is not signed with a key of its issuer.")
        typ = header.get("typ")
        if isinstance(typ, str):  # a media type with an optional prefix (RFC 9068, section 4)
            typ = typ.lower().removeprefix("application/")
        # No critical extension (RFC 7515, section 4.1.11) is supported.
        if "crit" in header or typ not in self.types:
            raise InvalidToken("The token is not an access token.")
        return key

    def add_to_cache(self, token: str, verified: VerifiedToken) -> None:
        """Cache a verified token; if the cache is full, remove the oldest one."""
        with self.lock:
            if len(self.cache) >= MAX_CACHED:
                self.cache.pop(next(iter(self.cache)))
            self.cache[token] = verified


def parse_claims(claims: dict[str, Any], key: Key) -> VerifiedToken:
    """Return the claims of a verified token; raise `ValueError` if they are malformed."""
    scope = claims.get("scope", "")
    if not isinstance(scope, str) or not claims["sub"]:
        raise ValueError("malformed claims")
    identity = Identity(claims["sub"], frozenset(scope.split()))
    return VerifiedToken(identity, float(claims["exp"]), str(claims.get("sid", "")), key)


verifier: Verifier = LocalProxy(lambda: current_app.extensions["verifier"])  # type: ignore[assignment]


def init_tokens(
    app: Flask,
    authenticate: Callable[[], Identity | None],
    keys: KeySource,
    types: set[str | None],
    source: str,
) -> None:
    """Set the function that authenticates requests; `source` tells clients where to get a token."""
    config = app.config
    app.extensions["verifier"] = Verifier(keys, config["JWT_ISSUER"], config["JWT_AUDIENCE"], types)
    scheme = config["AUTH_SCHEME"]
    validate_setting(app, "AUTH_SCHEME", is_scheme(scheme or ""), "Not a scheme (RFC 9110).")
    hint = f"Send an access token: Authorization: {scheme} <token>."
    init_authentication(app, Authentication(authenticate, scheme.lower(), hint))
    api.spec.components.security_scheme(scheme.lower(), describe_scheme(scheme, source))


def describe_scheme(scheme: str, source: str) -> dict[str, str]:
    """Return the OpenAPI security scheme of access tokens."""
    if scheme.lower() == "bearer":
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": source}
    # Swagger UI sends no scheme of its own for others: the header is entered whole.
    description = f"{scheme}, a space, and an access token. {source}"
    return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}


def verify_request() -> VerifiedToken | None:
    """Return the claims of the request's access token, or None without one.

    Raises `Unauthorized` for an invalid one.
    """
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != current_app.config["AUTH_SCHEME"].lower() or not token:
        return None
    try:
        return verifier.verify(token)
    except InvalidToken as error:
        raise invalid_token(str(error)) from None


def invalid_token(reason: str) -> Unauthorized:
    """Return a 401 error for an invalid token (RFC 6750, section 3.1)."""
    return unauthorized(reason, error="invalid_token", error_description=reason)


def make_access_token(key: Key, subject: str, scopes: str, lifetime: int, **claims: str) -> str:
    """Return a signed access token; `lifetime` is in seconds, `claims` are further claims."""
    issued = int(time.time())
    payload = {
        "iss": current_app.config["JWT_ISSUER"],
        "aud": current_app.config["JWT_AUDIENCE"],
        "sub": subject,
        "scope": scopes,
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime,
        "jti": str(uuid.uuid4()),
        **claims,
    }
    headers = {"kid": key.id, "typ": ACCESS_TOKEN_TYPE}
    return jwt.encode(payload, key.signing_key, algorithm=key.algorithm, headers=headers)
