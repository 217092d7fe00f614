"""Marshmallow schemas of articles and comments."""

from typing import Any

from marshmallow import Schema, fields, post_load
from marshmallow.validate import Length

from app.api import BoundedList, FullMatch, TextField
from app.api.pagination import PageQuerySchema
from app.readers.schemas import ReaderSchema

is_tag = FullMatch(r"^[a-z0-9-]{1,30}$")


class WrittenSchema(Schema):
    """What a reader has written."""

    id = fields.UUID(dump_only=True)
    author = fields.Nested(ReaderSchema, dump_only=True)
    body = TextField(20_000, multiline=True, required=True)
    created_at = fields.AwareDateTime(dump_only=True)


class ArticleSchema(WrittenSchema):
    """An article."""

    title = TextField(120, required=True)
    tags = BoundedList(fields.String(validate=is_tag), length=Length(max=10))
    favourite = fields.Boolean(dump_only=True)
    favourites = fields.Integer(dump_only=True)

    @post_load
    def remove_duplicates(self, article: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Keep each tag once."""
        return article | ({"tags": sorted(set(article["tags"]))} if "tags" in article else {})


class CommentSchema(WrittenSchema):
    """A comment on an article."""


class ArticleQuerySchema(PageQuerySchema):
    """Query string of a list of articles."""

    tag = fields.String(load_default=None, validate=is_tag)
