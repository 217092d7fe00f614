"""What users look like to a client."""

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length

from app.auth.passwords import normalize_password
from app.auth.users import normalize_email

# NIST SP 800-63B: long, and nothing else asked for.
MIN_PASSWORD = 12
MAX_PASSWORD = 256
# RFC 5321, section 4.5.3.1
MAX_EMAIL = 254

# How OpenAPI describes what `validate_text` takes; a surrogate is no character to it.
TEXT = r"^[^\u0000]*$"


def validate_text(value: str) -> None:
    """Raise `ValidationError` for what a database cannot keep: NUL, and halves of characters."""
    if "\0" in value or not value.isascii() and re.search(r"[\ud800-\udfff]", value):
        raise ValidationError("Is no text.")


class CredentialsSchema(Schema):
    """What somebody logs in with."""

    email = fields.String(
        required=True,
        validate=[Length(1, MAX_EMAIL), validate_text],
        metadata={"pattern": TEXT, "example": "ada@example.com"},
    )
    password = fields.String(
        required=True,
        load_only=True,
        validate=[Length(1, MAX_PASSWORD), validate_text],
        metadata={
            "format": "password",
            "pattern": TEXT,
            "example": "correct horse battery staple",
        },
    )


class RegistrationSchema(Schema):
    """What somebody wants to log in with."""

    email = fields.Email(
        required=True,
        validate=[Length(max=MAX_EMAIL), validate_text],
        metadata={"pattern": TEXT, "example": "ada@example.com"},
    )
    password = fields.String(
        required=True,
        load_only=True,
        validate=[Length(MIN_PASSWORD, MAX_PASSWORD), validate_text],
        metadata={
            "format": "password",
            "pattern": TEXT,
            "example": "correct horse battery staple",
        },
    )

    @validates_schema
    def refuse_the_obvious(self, credentials: dict[str, Any], **kwargs: Any) -> None:
        """Refuse what is guessed first: the address itself, or a few characters repeated."""
        password = normalize_password(credentials["password"]).casefold()
        email = normalize_email(credentials["email"])
        if len(email) > MAX_EMAIL:
            raise ValidationError("Is too long.", "email")
        if password in email or email in password or len(set(password)) < 5:
            raise ValidationError("Is too easy to guess.", "password")


class UserSchema(Schema):
    """Somebody, to themselves."""

    id = fields.UUID(dump_only=True)
    email = fields.String(dump_only=True, metadata={"example": "ada@example.com"})
    scopes = fields.String(metadata={"description": "What they may do, with spaces between"})
    created_at = fields.AwareDateTime(dump_only=True)
