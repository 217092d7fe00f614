"""Users as the database keeps them."""

import unicodedata
import uuid
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.database import db
from app.database.base import UtcDateTime, now


def normalise_email(email: str) -> str:
    """Return `email` as it is kept and compared: however it is written, it is one account."""
    return unicodedata.normalize("NFKC", email.strip()).casefold()


class User(db.Model):  # type: ignore[name-defined, misc]
    """Somebody who may log in; `scopes` are what they may do then, with spaces between."""

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    scopes: Mapped[str] = mapped_column(String(255), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    @validates("email")
    def normalise(self, _: str, email: str) -> str:
        return normalise_email(email)


class LoginAttempts(db.Model):  # type: ignore[name-defined, misc]
    """How often a login failed of late; of an account, or from an address."""

    __tablename__ = "login_attempts"

    # A hash: whose attempts they are is nobody's business.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempts: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
