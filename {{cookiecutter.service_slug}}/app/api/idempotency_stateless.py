"""The Idempotency-Key header."""

from marshmallow import Schema, fields

from app.api.fields import FullMatch


class IdempotencySchema(Schema):
    """Header of a request that is safe to retry (draft-ietf-httpapi-idempotency-key-header)."""

    idempotency_key = fields.String(
        data_key="Idempotency-Key", validate=FullMatch(r"^[!-~]{1,255}$")
    )
