"""Issues the tokens of a login, and refreshes them.

A refresh token is used once, and answered with another. A token that is used twice was copied. As
nobody can tell by whom, its whole family is revoked (RFC 9700, section 4.14.2).
"""

import uuid
from datetime import timedelta
from typing import Any

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import delete, update
from werkzeug.exceptions import Unauthorized

from app.auth.token_families import TokenFamily, revocations
from app.auth.tokens import invalid_token, make_access_token
from app.auth.users import User
from app.database.base import now
from app.database.transactions import retry_on_conflict
from app.extensions import db


@retry_on_conflict
def log_in(user: User) -> dict[str, Any]:
    """Start a family of tokens for the user; return its first ones."""
    # Not before the last access token that may have been revoked with it has expired.
    forgotten = now() - revocations.get().window
    db.session.execute(delete(TokenFamily).where(TokenFamily.expires_at < forgotten))
    # A transaction of its own: what it has locked would stand in the way of others' inserts.
    db.session.commit()
    lifetime = timedelta(seconds=current_app.config["REFRESH_TOKEN_LIFETIME"])
    family = TokenFamily(user_id=user.id, expires_at=now() + lifetime)
    db.session.add(family)
    db.session.commit()
    return make_tokens(user, family.id, family.generation)


def refresh(token: str) -> dict[str, Any]:
    """Return new tokens for a refresh token; raises `Unauthorized` for one that is not good."""
    family_id, generation = read_refresh_token(token)
    is_first_use = use_generation(family_id, generation)
    family = db.session.get(TokenFamily, family_id)
    user = family and db.session.get(User, family.user_id)
    if is_first_use and family and user and user.is_active:
        return make_tokens(user, family.id, generation + 1)
    if family and family.revoked_at is None and family.generation > generation:
        current_app.logger.warning("a refresh token was used twice: its family %s ends", family_id)
        revocations.get().revoke(family=str(family_id))
    raise unusable()


@retry_on_conflict
def use_generation(family_id: uuid.UUID, generation: int) -> bool:
    """Count a family's generation up; return False when its refresh token is not good (any more)."""
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
    """Return the tokens of a login, as OAuth does (RFC 6749, section 5.1)."""
    key = current_app.config["JWT_KEYS"][0]
    lifetime = current_app.config["ACCESS_TOKEN_LIFETIME"]
    return {
        "access_token": make_access_token(
            key, str(user.id), user.scopes, lifetime, sid=str(family)
        ),
        "token_type": "Bearer",
        "expires_in": lifetime,
        "refresh_token": refresh_token_signer().dumps([family.hex, generation]),
    }


def read_refresh_token(token: str) -> tuple[uuid.UUID, int]:
    """Return the family and the generation of a refresh token that this service has made."""
    try:
        family, generation = refresh_token_signer().loads(token)
    except BadSignature:
        raise unusable() from None
    return uuid.UUID(family), generation


def refresh_token_signer() -> URLSafeSerializer:
    """Sign so that neither an access token nor a cookie passes for a refresh token."""
    return URLSafeSerializer(
        current_app.config["SECRET_KEY"], "refresh-token", signer_kwargs={"key_derivation": "hmac"}
    )


def unusable() -> Unauthorized:
    return invalid_token("The refresh token is not valid.")


def end_logins(user_id: uuid.UUID) -> int:
    """Revoke the tokens of every login of a user; return how many logins there were."""
    return revocations.get().revoke(user_id=user_id)
