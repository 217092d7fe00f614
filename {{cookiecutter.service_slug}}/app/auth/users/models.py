"""Users as the database keeps them."""

import unicodedata
import uuid
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.database import db
from app.database.base import UtcDateTime, now
from app.database.{{ cookiecutter.database }} import exact_string


def normalize_email(email: str) -> str:
    """Return the one form of an e-mail address that is stored, looked up and counted.

    Composed (NFC), the domain case-folded, the local part in lower case: no provider in use tells
    mailboxes apart by case. Other characters stay apart, because they name other mailboxes.
    """
    local, at, domain = unicodedata.normalize("NFC", email.strip()).rpartition("@")
    return unicodedata.normalize("NFC", local.lower() + at + domain.casefold())


class User(db.Model):  # type: ignore[name-defined, misc]
    """Somebody who may log in; `scopes` are what they may do then, with spaces between."""

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


class LoginAttempts(db.Model):  # type: ignore[name-defined, misc]
    """A count of failed logins; a count of 0 marks a network that an account has logged in from."""

    __tablename__ = "login_attempts"

    # A hash of what is counted: it names neither accounts nor addresses.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempts: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
