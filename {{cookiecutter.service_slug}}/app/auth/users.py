"""Users: registration, and login by password. Neither reveals whether an account exists."""

import unicodedata
import uuid
from datetime import datetime

from flask import current_app
from sqlalchemy import String, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, validates
from sqlalchemy.orm.attributes import set_committed_value
from werkzeug.exceptions import Forbidden

from app.auth.identity import current_identity, unauthorized
from app.auth.passwords import hash_password, is_correct_password, needs_rehash
from app.auth.scopes import default_scopes
from app.auth.throttle import count_failure, make_attempt, record_login, require_allowed
from app.database.base import UtcDateTime, now
from app.database.dialect import exact_string
from app.database.transactions import retry_on_conflict
from app.extensions import Model, db


def normalize_email(email: str) -> str:
    """Return the canonical form of an e-mail address, which is stored, looked up and counted.

    NFC, with the domain case-folded and the local part in lower case: no provider distinguishes
    mailboxes by case. Other similar characters are kept, because they name other mailboxes.
    """
    local, at, domain = unicodedata.normalize("NFC", email.strip()).rpartition("@")
    return unicodedata.normalize("NFC", local.lower() + at + domain.casefold())


class User(Model):
    """User account; `scopes` are the granted scopes, space-separated."""

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    email: Mapped[str] = mapped_column(exact_string(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    scopes: Mapped[str] = mapped_column(String(255), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    @validates("email")
    def normalize(self, _: str, email: str) -> str:
        return normalize_email(email)


def register(email: str, password: str, address: str | None) -> None:
    """Create an account; if there is one, take the same time and change nothing.

    Raises `Forbidden` unless `REGISTRATION_OPEN`.
    """
    if not current_app.config["REGISTRATION_OPEN"]:
        raise Forbidden("Registration is closed.")
    user = create_user(email, password)
    if user is None:
        current_app.logger.info("registration with the e-mail address of an existing account")
    # For an existing account, only to take the same time: no network becomes known to it, because
    # the client need not be its owner.
    record_login(make_attempt(user.email if user else "", address), {})


def create_user(
    email: str, password: str, scopes: str | None = None, *, commit: bool = True
) -> User | None:
    """Create an account with `scopes` or those of a new user; return None if it already exists.

    With `commit=False` the account is part of the caller's transaction, which is rolled back if the
    account already exists.
    """
    if scopes is None:
        scopes = default_scopes()
    user = User(email=email, password_hash=hash_password(password), scopes=scopes)
    db.session.add(user)
    try:
        db.session.flush()
        if commit:
            db.session.commit()
    except IntegrityError:
        db.session.rollback()
        if find_user(email) is None:  # another constraint failed
            raise
        return None
    return user


def find_user(email: str) -> User | None:
    """Return the user with this e-mail address, or None."""
    return db.session.scalar(select(User).where(User.email == normalize_email(email)))


def authenticate_user(email: str, password: str, address: str | None) -> User:
    """Return the user with this e-mail address and password; `address` is the client's IP address.

    Raises `Unauthorized` for wrong credentials, `TooManyRequests` after too many failures.
    """
    email = normalize_email(email)
    attempt = make_attempt(email, address)
    require_allowed(attempt)
    user = db.session.scalar(select(User).where(User.email == email))
    # Release the connection: hashing takes long.
    db.session.commit()
    # Hash first, so that an unknown account takes the same time.
    verified_hash = user.password_hash if user else None
    is_correct = is_correct_password(password, verified_hash)
    if user is None or not user.is_active or not verified_hash or not is_correct:
        count_failure(attempt)
        raise unauthorized("The e-mail address or the password is wrong.")
    user_id = user.id
    # Check again: concurrent guesses may have reached a limit in the meantime.
    record_login(attempt, require_allowed(attempt))
    if needs_rehash(verified_hash):
        verified_hash = replace_hash(user_id, verified_hash, hash_password(password))
    # A rollback expires it. What is done for the user then requires that this one is still stored.
    set_committed_value(user, "password_hash", verified_hash)
    return user


@retry_on_conflict
def replace_hash(user_id: uuid.UUID, outdated: str, password_hash: str) -> str:
    """Replace an outdated password hash unless the password was changed; return the valid one."""
    unchanged = (User.id == user_id, User.password_hash == outdated)
    query = update(User).where(*unchanged).values(password_hash=password_hash)
    result = db.session.execute(query.execution_options(synchronize_session=False))
    db.session.commit()
    return password_hash if result.rowcount else outdated  # type: ignore[attr-defined]


def lock_user(user_id: uuid.UUID, password_hash: str) -> None:
    """Lock a user for this transaction; raise `Unauthorized` without this hash, or if deactivated.

    A new login holds this lock. A concurrent change of the password waits for it, and then ends the
    login; or the login waits, and fails here.
    """
    unchanged = (User.id == user_id, User.password_hash == password_hash, User.is_active)
    if db.session.scalar(select(User.id).where(*unchanged).with_for_update(read=True)) is None:
        raise unauthorized("The account has changed at the same time.")


def current_user_id() -> uuid.UUID | None:
    """Return the id of the current user, or None without one."""
    identity = current_identity()
    return identity and uuid.UUID(identity.subject)


def current_user() -> User:
    """Return the current user; raise `Unauthorized` if the account was deleted."""
    user = db.session.get(User, current_user_id())
    if user is None:
        raise unauthorized("The account no longer exists.")
    return user
