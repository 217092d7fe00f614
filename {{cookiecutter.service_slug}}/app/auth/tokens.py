"""Access tokens: JSON Web Tokens (RFC 7519) used as RFC 8725 advises, shaped as RFC 9068 says.

A token's header never decides what the token is verified with.
"""

import time
import uuid
from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple, Protocol

import jwt
from flask import Flask, current_app, request
from werkzeug.exceptions import Unauthorized

from app.auth.identity import Authentication, Identity, authentication, unauthorized
from app.auth.keys import Key
from app.extensions import api
from app.flask_app import AppState

# Seconds that clocks may differ by.
LEEWAY = 10
# Bytes of a token: a longer one is not looked at.
MAX_LENGTH = 8192
# Tokens that are known to be good until they expire, for each process.
MAX_KNOWN = 4096

# What the header may say that the token is (RFC 9068, section 2.1).
ACCESS_TOKEN = "at+jwt"


class InvalidToken(Exception):
    """The token proves nothing; the message says why, to whoever sent it."""


class Keys(Protocol):
    """Where keys are found, by their ids."""

    def find(self, kid: str | None) -> Key | None: ...


class Verified(NamedTuple):
    """What a good token says: of whom, until when (seconds since the epoch), and what it came of."""

    identity: Identity
    expires_at: float
    sid: str
    key: Key


class Verifier:
    """Verifies the tokens that one issuer made for one audience."""

    def __init__(self, keys: Keys, issuer: str, audience: str, types: set[str | None]) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        self.types = types
        self.known: dict[str, Verified] = {}
        self.lock = Lock()

    def verify(self, token: str) -> Verified:
        """Return what `token` says; raises `InvalidToken`.

        A signature is verified once: what is asked again is whether the token has expired, and
        whether its key still counts.
        """
        known = self.known.get(token)
        if known is None or self.keys.find(known.key.id) is not known.key:
            known = self.verify_anew(token)
            self.keep(token, known)
        if known.expires_at + LEEWAY <= time.time():
            raise InvalidToken("The token has expired.")
        return known

    def verify_anew(self, token: str) -> Verified:
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
            return read_claims(claims, key)
        except jwt.ExpiredSignatureError:
            raise InvalidToken("The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError):
            raise InvalidToken("The token is not valid.") from None

    def find_key(self, header: dict[str, Any]) -> Key:
        """Return the key to verify with: one of ours, of the algorithm that the header states."""
        kid = header.get("kid")
        key = self.keys.find(kid)
        if key is None or header.get("alg") != key.algorithm:
            raise InvalidToken("The token is signed with no key of its issuer.")
        typ = header.get("typ")
        if isinstance(typ, str):  # a media type, whose prefix may be left out (RFC 9068, section 4)
            typ = typ.lower().removeprefix("application/")
        # Of extensions (RFC 7515, section 4.1.11) none is understood.
        if "crit" in header or typ not in self.types:
            raise InvalidToken("The token is not an access token.")
        return key

    def keep(self, token: str, verified: Verified) -> None:
        """Know the token again; where there are too many, forget the one known for longest."""
        with self.lock:
            if len(self.known) >= MAX_KNOWN:
                self.known.pop(next(iter(self.known)))
            self.known[token] = verified


def read_claims(claims: dict[str, Any], key: Key) -> Verified:
    """Read the claims of a token whose signature is good; raises `ValueError` for odd ones."""
    scope = claims.get("scope", "")
    if not isinstance(scope, str) or not claims["sub"]:
        raise ValueError("odd claims")
    identity = Identity(claims["sub"], frozenset(scope.split()))
    return Verified(identity, float(claims["exp"]), str(claims.get("sid", "")), key)


verifier = AppState[Verifier]("verifier")


def init_tokens(
    app: Flask,
    authenticate: Callable[[], Identity | None],
    keys: Keys,
    types: set[str | None],
    source: str,
) -> None:
    """Authenticate requests by their access token; `source` says where a client gets one."""
    config = app.config
    verifier.set(app, Verifier(keys, config["JWT_ISSUER"], config["JWT_AUDIENCE"], types))
    hint = "Send an access token: Authorization: Bearer <token>."
    authentication.set(app, Authentication(authenticate, "bearer", hint))
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
        return verifier.get().verify(token)
    except InvalidToken as error:
        raise invalid_token(str(error)) from None


def invalid_token(reason: str) -> Unauthorized:
    """Return the error of a request with an invalid token (RFC 6750, section 3.1)."""
    return unauthorized(reason, error="invalid_token", error_description=reason)


def make_access_token(key: Key, subject: str, scopes: str, lifetime: int, **more: str) -> str:
    """Return a token of `subject` that is good for so many seconds; `more` are further claims."""
    issued = int(time.time())
    claims = {
        "iss": current_app.config["JWT_ISSUER"],
        "aud": current_app.config["JWT_AUDIENCE"],
        "sub": subject,
        "scope": scopes,
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime,
        "jti": str(uuid.uuid4()),
        **more,
    }
    headers = {"kid": key.id, "typ": ACCESS_TOKEN}
    return jwt.encode(claims, key.signing_key, algorithm=key.algorithm, headers=headers)
