"""Accounts: made, and logged into. Neither tells whether there is one for an e-mail address."""

import uuid

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Forbidden

from app.auth.identity import current_identity, unauthorized
from app.auth.users.models import User, normalise_email
from app.auth.users.passwords import hash_password, needs_rehash, verify_password
from app.auth.users.throttle import count_attempt, forgive
from app.database import db
from app.database.transactions import retry_on_conflict

# What a request proves itself by.
SCHEME = "{{ 'cookie' if cookiecutter.auth == 'session' else 'bearer' }}"
# What whoever registers may do from the start.
NEW_USER_SCOPES = "{{ 'orders:read orders:write' if cookiecutter.example else '' }}"


def register(email: str, password: str) -> None:
    """Make an account; where there is one already, do as if, in the same time.

    Raises `Forbidden` unless `REGISTRATION_OPEN`.
    """
    if not current_app.config["REGISTRATION_OPEN"]:
        raise Forbidden("Registration is closed.")
    if not create_user(email, password, NEW_USER_SCOPES):
        current_app.logger.info("an account that there is was registered again")


def create_user(email: str, password: str, scopes: str) -> User | None:
    """Make an account; return None where there is one already."""
    user = User(email=email, password_hash=hash_password(password), scopes=scopes)
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        if find_user(email) is None:  # refused for another reason
            raise
        return None
    return user


def find_user(email: str) -> User | None:
    """Return whose e-mail address it is."""
    return db.session.scalar(select(User).where(User.email == normalise_email(email)))


def check_credentials(email: str, password: str, address: str | None) -> User:
    """Return whose e-mail address and password they are.

    Raises `Unauthorized` where they are nobody's, and `TooManyRequests` after too many of that.
    """
    email = normalise_email(email)
    count_attempt(email, address or "")
    user = find_user(email)
    # The hash takes its time: it is not to be told, nor a connection held, meanwhile.
    db.session.commit()
    is_right = verify_password(password, user and user.password_hash)
    if not (user and is_right and user.is_active):
        raise unauthorized(SCHEME, "The e-mail address or the password is wrong.")
    rehashed = hash_password(password) if needs_rehash(user.password_hash) else None
    finish_login(user, rehashed, email, address or "")
    return user


@retry_on_conflict
def finish_login(user: User, password_hash: str | None, email: str, address: str) -> None:
    """Forget the attempts that led to the login, and keep the new hash if there is one."""
    forgive(email, address)
    if password_hash:
        user.password_hash = password_hash
    db.session.commit()


def current_user_id() -> uuid.UUID | None:
    """Return the id of the user whose request is being served; None where that is nobody."""
    identity = current_identity()
    return identity and uuid.UUID(identity.subject)


def current_user() -> User:
    """Return the user whose request is being served; raises `Unauthorized` where they are gone."""
    user = db.session.get(User, current_user_id())
    if user is None:
        raise unauthorized(SCHEME, "The account is gone.")
    return user
