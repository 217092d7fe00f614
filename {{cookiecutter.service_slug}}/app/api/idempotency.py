"""The Idempotency-Key header."""

from typing import Any

from marshmallow import Schema, fields, post_load

from app.api.parser import FullMatch
from app.auth.identity import namespace_by_caller


class IdempotencySchema(Schema):
    """Header of a request that is safe to retry (draft-ietf-httpapi-idempotency-key-header)."""

    idempotency_key = fields.String(
        data_key="Idempotency-Key", validate=FullMatch(r"^[!-~]{1,255}$")
    )

    @post_load
    def namespace(self, headers: dict[str, str], **kwargs: Any) -> dict[str, str]:
        """Namespace the Idempotency-Key by caller."""
        return {name: namespace_by_caller(value) for name, value in headers.items()}
