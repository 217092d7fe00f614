"""Marshmallow schemas of readers."""

from marshmallow import Schema, fields

from app.api import TextField
from app.auth.schemas import RegistrationSchema


class ReaderSchema(Schema):
    """A reader."""

    id = fields.UUID(dump_only=True)
    name = TextField(40, required=True, metadata={"example": "Ada"})
    about = TextField(500, min_length=0, multiline=True)
    followed = fields.Boolean(dump_only=True)


class NewReaderSchema(ReaderSchema, RegistrationSchema):
    """Profile and credentials of a new reader."""
