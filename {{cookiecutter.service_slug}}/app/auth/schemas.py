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

    email = fields.Email(
        required=True,
        validate=[Length(max=MAX_EMAIL), validate_text],
        metadata={"pattern": TEXT_PATTERN, "example": "ada@example.com"},
    )
    password = fields.String(
        required=True,
        load_only=True,
        validate=[Length(MIN_PASSWORD, MAX_PASSWORD), validate_text],
        metadata={
            "format": "password",
            "pattern": TEXT_PATTERN,
            "example": "correct horse battery staple",
        },
    )

    @validates_schema
    def validate_password(self, credentials: dict[str, Any], **kwargs: Any) -> None:
        """Reject the passwords guessed first: the e-mail address, or a few repeated characters."""
        password = normalize_password(credentials["password"]).casefold()
        email = normalize_email(credentials["email"])
        if len(email) > MAX_EMAIL:
            raise ValidationError(f"Longer than maximum length {MAX_EMAIL}.", "email")
        if password in email or email in password or len(set(password)) < 5:
            raise ValidationError("Too easy to guess.", "password")


class UserSchema(Schema):
    """The current user."""

    id = fields.UUID(dump_only=True)
    email = fields.String(dump_only=True, metadata={"example": "ada@example.com"})
    scopes = fields.String(metadata={"description": "Granted scopes, space-separated"})
    created_at = fields.AwareDateTime(dump_only=True)
