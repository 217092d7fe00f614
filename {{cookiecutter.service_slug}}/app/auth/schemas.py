"""Schemas of users and their credentials."""

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length

from app.auth.passwords import normalize_password
from app.auth.users import normalize_email

# NIST SP 800-63B: a minimum length and no composition rules.
MIN_PASSWORD = 12
MAX_PASSWORD = 256
# RFC 5321, section 4.5.3.1
MAX_EMAIL = 254

# `validate_text` as an OpenAPI pattern, which cannot express surrogates.
TEXT_PATTERN = r"^[^\u0000]*$"


def validate_text(value: str) -> None:
    """Raise `ValidationError` for NUL and surrogates, which a database cannot store."""
    if "\0" in value or not value.isascii() and re.search(r"[\ud800-\udfff]", value):
        raise ValidationError("Contains characters that cannot be stored.")


def is_easy_to_guess(password: str, email: str) -> bool:
    """Return whether the password is guessed first: the e-mail address, or a few characters."""
    password = normalize_password(password).casefold()
    email = normalize_email(email)
    return password in email or email in password or len(set(password)) < 5


def validate_email_length(email: str) -> None:
    """Raise `ValidationError` for an e-mail address that is too long only once normalized."""
    # Normalizing 64 kB of combining characters takes 1.6 seconds; `Length` rejects them.
    if len(email) <= MAX_EMAIL < len(normalize_email(email)):
        raise ValidationError(f"Longer than maximum length {MAX_EMAIL}.")


class NewEmail(fields.Email):
    """E-mail address of an account."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[Length(max=MAX_EMAIL), validate_text, validate_email_length],
            metadata={"pattern": TEXT_PATTERN, "example": "ada@example.com"},
            **kwargs,
        )


class NewPassword(fields.String):
    """Password of an account."""

    def __init__(self, **kwargs: Any) -> None:
        example = "correct horse battery staple"
        super().__init__(
            load_only=True,
            validate=[Length(MIN_PASSWORD, MAX_PASSWORD), validate_text],
            metadata={"format": "password", "pattern": TEXT_PATTERN, "example": example},
            **kwargs,
        )


class CredentialsSchema(Schema):
    """Credentials of a login."""

    email = fields.String(
        required=True,
        validate=[Length(1, MAX_EMAIL), validate_text],
        metadata={"pattern": TEXT_PATTERN, "example": "ada@example.com"},
    )
    password = fields.String(
        required=True,
        load_only=True,
        validate=[Length(1, MAX_PASSWORD), validate_text],
        metadata={
            "format": "password",
            "pattern": TEXT_PATTERN,
            "example": "correct horse battery staple",
        },
    )


class RegistrationSchema(Schema):
    """Credentials of a new account."""

    email = NewEmail(required=True)
    password = NewPassword(required=True)

    @validates_schema
    def validate_password(self, credentials: dict[str, Any], **kwargs: Any) -> None:
        """Raise `ValidationError` for a password that is easy to guess."""
        if is_easy_to_guess(credentials["password"], credentials["email"]):
            raise ValidationError("Too easy to guess.", "password")


class AccountChangeSchema(Schema):
    """Change of the current user's e-mail address, password or both."""

    current_password = fields.String(
        required=True,
        load_only=True,
        validate=[Length(1, MAX_PASSWORD), validate_text],
        metadata={"format": "password", "pattern": TEXT_PATTERN},
    )
    email = NewEmail()
    password = NewPassword()

    @validates_schema
    def validate_changes(self, changes: dict[str, Any], **kwargs: Any) -> None:
        """Raise `ValidationError` without a change."""
        if len(changes) < 2:
            raise ValidationError("Send an email, a password or both.")


class UserSchema(Schema):
    """The current user."""

    id = fields.UUID(dump_only=True)
    email = fields.String(dump_only=True, metadata={"example": "ada@example.com"})
    scopes = fields.String(metadata={"description": "Granted scopes, space-separated"})
    created_at = fields.AwareDateTime(dump_only=True)
