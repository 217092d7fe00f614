"""Issue and refresh the tokens of a login.

A refresh token is valid for one use, which returns the next one. A second use means that the token
was copied, so its whole family is revoked (RFC 9700, section 4.14.2).
"""

import uuid
from datetime import timedelta
from typing import Any

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import delete, update
from werkzeug.exceptions import Unauthorized

from app.auth.token_families import TokenFamily, revocations
from app.auth.tokens import invalid_token, make_access_token, verify_request
from app.auth.users import User, lock_user
from app.database.base import now
from app.database.transactions import retry_on_conflict
from app.extensions import db


def log_in(user: User) -> dict[str, Any]:
    """Start a token family for the user, and return its first tokens.

    Raises `Unauthorized` if the account has changed since `user` was loaded.
    """
    family = store_family(user.id, user.password_hash)
    return make_tokens(user, family.id, family.generation)


@retry_on_conflict
def store_family(user_id: uuid.UUID, password_hash: str) -> TokenFamily:
    """Store and return a new token family, and delete the expired ones."""
    # A family is needed until its last access token has expired, because it may be revoked.
    cutoff = now() - revocations.window
    db.session.execute(delete(TokenFamily).where(TokenFamily.expires_at < cutoff))
    # Commit first: the locks of this delete would block concurrent inserts.
    db.session.commit()
    lock_user(user_id, password_hash)
    lifetime = timedelta(seconds=current_app.config["REFRESH_TOKEN_LIFETIME"])
    family = TokenFamily(user_id=user_id, expires_at=now() + lifetime)
    db.session.add(family)
    db.session.commit()
    return family


def refresh(token: str) -> dict[str, Any]:
    """Return new tokens for a refresh token; raise `Unauthorized` if it is invalid."""
    family_id, generation = parse_refresh_token(token)
    is_first_use = advance_generation(family_id, generation)
    family = db.session.get(TokenFamily, family_id)
    user = family and db.session.get(User, family.user_id)
    if is_first_use and family and user and user.is_active:
        return make_tokens(user, family.id, generation + 1)
    if family and family.revoked_at is None and family.generation > generation:
        current_app.logger.warning("refresh token reused: token family %s revoked", family_id)
        revoke_family(family_id)
    raise invalid_refresh_token()


@retry_on_conflict
def advance_generation(family_id: uuid.UUID, generation: int) -> bool:
    """Advance the generation of a family; return False if its refresh token is invalid."""
    result = db.session.execute(
        update(TokenFamily)
        .where(
            TokenFamily.id == family_id,
            TokenFamily.generation == generation,
            TokenFamily.revoked_at.is_(None),
            TokenFamily.expires_at > now(),
        )
        .values(generation=generation + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def make_tokens(user: User, family: uuid.UUID, generation: int) -> dict[str, Any]:
    """Return a token response (RFC 6749, section 5.1)."""
    key = current_app.config["JWT_KEYS"][0]
    lifetime = current_app.config["ACCESS_TOKEN_LIFETIME"]
    return {
        "access_token": make_access_token(
            key, str(user.id), user.scopes, lifetime, sid=str(family)
        ),
        "token_type": current_app.config["AUTH_SCHEME"],
        "expires_in": lifetime,
        "refresh_token": refresh_token_signer().dumps([family.hex, generation]),
    }


def parse_refresh_token(token: str) -> tuple[uuid.UUID, int]:
    """Return the family and generation of a refresh token; raise `Unauthorized` if it is forged."""
    try:
        family, generation = refresh_token_signer().loads(token)
    except BadSignature:
        raise invalid_refresh_token() from None
    return uuid.UUID(family), generation


def refresh_token_signer() -> URLSafeSerializer:
    """Return a signer whose salt separates refresh tokens from other signed values."""
    return URLSafeSerializer(
        current_app.config["SECRET_KEY"], "refresh-token", signer_kwargs={"key_derivation": "hmac"}
    )


def invalid_refresh_token() -> Unauthorized:
    return invalid_token("The refresh token is not valid.")


def log_out() -> None:
    """Revoke the tokens of the request's login."""
    revoke_family(current_family())


@retry_on_conflict
def revoke_family(family_id: uuid.UUID) -> None:
    """Revoke the tokens of one login."""
    revocations.revoke(TokenFamily.id == family_id)


def current_family() -> uuid.UUID:
    """Return the token family of the request's access token, which must be valid."""
    verified = verify_request()
    assert verified is not None  # the route is guarded
    return uuid.UUID(verified.sid)


def revoke_logins(user_id: uuid.UUID, *, keep_current: bool = False) -> int:
    """Revoke the logins of a user, commit the transaction, and return their number.

    `keep_current` keeps the login of the request.
    """
    kept = [TokenFamily.id != current_family()] if keep_current else []
    return revocations.revoke(TokenFamily.user_id == user_id, *kept)
