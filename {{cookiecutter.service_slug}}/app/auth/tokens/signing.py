"""Making access tokens (RFC 9068)."""

import time
import uuid

import jwt
from flask import current_app

from app.auth.tokens.keys import Key
from app.auth.tokens.verification import ACCESS_TOKEN


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
