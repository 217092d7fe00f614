"""Bodies are bounded before a schema validates them."""

import json
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields
from marshmallow.validate import Length
from werkzeug.exceptions import BadRequest, HTTPException

from app.api import BoundedList, JSONParser
from app.api.parser import MAX_DEPTH, MAX_KEY


class LineSchema(Schema):
    name = fields.String(required=True)
    number = fields.Integer(required=True)


class DocumentSchema(Schema):
    lines = fields.List(fields.Nested(LineSchema))
    few = BoundedList(fields.Nested(LineSchema), length=Length(max=3))
    number = fields.Integer()
    notes = fields.Dict(keys=fields.String(), values=fields.Raw())


def load(app: Flask, body: str | bytes, content_type: str = "application/json") -> Any:
    """Parse a request with this body."""
    location = "json" if content_type == "application/json" else "form"
    with app.test_request_context(method="POST", data=body, content_type=content_type) as context:
        return JSONParser().parse(DocumentSchema, context.request, location=location)


@pytest.mark.parametrize(
    "body",
    [
        "[" * 30_000,
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        json.dumps({"lines": [{}] * 16_000}),
        json.dumps({"lines": [0] * 2_000}),
        json.dumps(dict.fromkeys(map(str, range(4_000)))),
        json.dumps({"notes": {"x" * (MAX_KEY + 1): 0}}),
        json.dumps({"notes": {"lists": [[0] * 30] * 40}}),
        '{"number": 1e200000}',
        '{"number": 1e-200000}',
    ],
    ids=range(9),
)
def test_body_beyond_the_limits_is_rejected(app: Flask, body: str) -> None:
    with pytest.raises(BadRequest):
        load(app, body)


def test_body_within_the_limits_is_loaded(app: Flask) -> None:
    line = {"name": "tea", "number": 1}
    body = {"lines": [line] * 300, "few": [line] * 3, "notes": {"x" * MAX_KEY: {"deep": [[0]]}}}
    assert load(app, json.dumps(body)) == body


@pytest.mark.parametrize("number", ["7.0", "70e-1", "0.7e1"])
def test_number_without_a_fraction_is_an_integer(app: Flask, number: str) -> None:
    body = '{"notes": {"n": N}, "number": N}'.replace("N", number)
    assert load(app, body) == {"notes": {"n": 7}, "number": 7}


def test_too_long_bounded_list_is_one_error(app: Flask) -> None:
    with pytest.raises(HTTPException) as refusal:
        load(app, json.dumps({"few": [{}] * 100}))
    assert refusal.value.data == {  # type: ignore[attr-defined]
        **refusal.value.data,  # type: ignore[attr-defined]
        "messages": {"json": {"few": ["Longer than maximum length 3."]}},
    }


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-32-be"])
def test_json_must_be_utf_8(app: Flask, encoding: str) -> None:
    with pytest.raises(BadRequest):
        load(app, '{"number": 1}'.encode(encoding))


def test_form_with_too_many_fields_is_rejected(app: Flask) -> None:
    form = "application/x-www-form-urlencoded"
    assert load(app, "number=7", form) == {"number": 7}
    with pytest.raises(BadRequest):
        load(app, "&".join(f"f{number}=1" for number in range(5_000)), form)
