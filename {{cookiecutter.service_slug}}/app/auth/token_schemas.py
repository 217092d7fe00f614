"""Schemas of tokens and keys."""

from marshmallow import Schema, fields

from app.api import FullMatch


class TokensSchema(Schema):
    """Token response (RFC 6749, section 5.1)."""

    access_token = fields.String(required=True)
    token_type = fields.String(
        required=True, metadata={"description": "Scheme of the Authorization header"}
    )
    expires_in = fields.Integer(
        required=True, metadata={"description": "Lifetime of the access token in seconds"}
    )
    refresh_token = fields.String(
        required=True, metadata={"description": "Valid for one call of /auth/refresh"}
    )


class RefreshSchema(Schema):
    """Request of new tokens."""

    refresh_token = fields.String(required=True, validate=FullMatch(r"^[A-Za-z0-9._-]{1,1024}$"))


class KeySetSchema(Schema):
    """JWK Set (RFC 7517, section 5)."""

    keys = fields.List(fields.Dict(), required=True)
