"""Changes of an account by its user or on the command line, each with the end of its logins."""

import uuid
from typing import Any

from flask import current_app
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Conflict, Forbidden, Unauthorized

from app.api import abort
from app.auth.logins import revoke_logins
from app.auth.passwords import hash_password
from app.auth.schemas import is_easy_to_guess
from app.auth.throttle import count_failure, make_attempt, record_login, require_allowed
from app.auth.users import User, authenticate_user, normalize_email
from app.database.transactions import retry_on_conflict
from app.extensions import db


def change_account(user: User, changes: dict[str, str], address: str | None) -> None:
    """Change the password or the e-mail address of the current user, and end the other logins.

    `changes` contains the current password, whose failures count as failed logins: a stolen token
    or cookie is not enough, and does not help to guess it.
    """
    email = changes.get("email")
    if email is not None and not current_app.config["REGISTRATION_OPEN"]:
        # Whether it succeeds tells who has an account, as registration does.
        raise Forbidden("Registration is closed: only the operator changes e-mail addresses.")
    try:
        verified = authenticate_user(user.email, changes["current_password"], address)
    except Unauthorized:
        verified = None
    if verified is not user:
        # Not 401, at which clients would renew or drop the login.
        abort(403, errors={"json": {"current_password": ["The current password is wrong."]}})
    # Of the verified password: authentication may have replaced an outdated hash.
    user_id, password_hash = user.id, user.password_hash
    if "password" in changes and is_easy_to_guess(changes["password"], email or user.email):
        abort(422, errors={"json": {"password": ["Too easy to guess."]}})
    values = {"password_hash": hash_password(changes["password"])} if "password" in changes else {}
    if email is None:
        is_changed = update_credentials(user_id, password_hash, values, keep_current=True)
    else:
        # Count taken addresses like the failed logins that would discover them after registration.
        attempt = make_attempt(normalize_email(email), address)
        counts = require_allowed(attempt)
        values["email"] = normalize_email(email)
        try:
            is_changed = update_credentials(user_id, password_hash, values, keep_current=True)
        except IntegrityError:
            db.session.rollback()
            count_failure(attempt)
            abort(422, errors={"json": {"email": ["Cannot be used."]}})
        if is_changed:
            record_login(attempt, counts)
    if not is_changed:
        raise Conflict("The account has changed at the same time.")
    db.session.refresh(user)


@retry_on_conflict
def update_credentials(
    user_id: uuid.UUID, password_hash: str, values: dict[str, Any], *, keep_current: bool = False
) -> bool:
    """Change a user and end the logins, in one transaction; `keep_current` keeps the request's.

    Returns False, and changes nothing, if the user no longer has this `password_hash`.
    """
    unchanged = (User.id == user_id, User.password_hash == password_hash)
    query = update(User).where(*unchanged).values(values)
    # Locks the user, so that a concurrent login is either ended here or sees the change.
    result = db.session.execute(query.execution_options(synchronize_session=False))
    if not result.rowcount:  # type: ignore[attr-defined]
        db.session.rollback()
        return False
    revoke_logins(user_id, keep_current=keep_current)
    return True


@retry_on_conflict
def end_logins(user_id: uuid.UUID, **values: Any) -> int:
    """End all logins of a user, and return their number; `values` are columns of the user to set."""
    if values:
        query = update(User).where(User.id == user_id).values(values)
        db.session.execute(query.execution_options(synchronize_session=False))
    return revoke_logins(user_id)
