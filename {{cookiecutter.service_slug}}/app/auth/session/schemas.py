"""What a login looks like to a client."""

from marshmallow import Schema, fields


class LoginSchema(Schema):
    """What a page of this service needs once somebody is logged in; the rest is in the cookie."""

    csrf_token = fields.String(
        required=True, metadata={"description": "To be sent as X-CSRF-Token with all but GET"}
    )
