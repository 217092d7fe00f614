"""Schemas of tokens and keys."""

from marshmallow import Schema, fields

from app.api import FullMatch


class TokensSchema(Schema):
    """The tokens of a login (RFC 6749, section 5.1)."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"example": "Bearer"})
    expires_in = fields.Integer(
        required=True, metadata={"description": "Seconds that the access token is good for"}
    )
    refresh_token = fields.String(
        required=True, metadata={"description": "Good for one call of /auth/refresh"}
    )


class RefreshSchema(Schema):
    """A refresh token."""

    refresh_token = fields.String(required=True, validate=FullMatch(r"^[A-Za-z0-9._-]{1,1024}$"))


class KeySetSchema(Schema):
    """A JWK Set (RFC 7517, section 5)."""

    keys = fields.List(fields.Dict(), required=True)
