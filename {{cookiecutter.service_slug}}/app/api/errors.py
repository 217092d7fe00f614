"""Every error leaves as application/problem+json (RFC 9457)."""

from collections.abc import Iterator
from typing import Any, NoReturn

import flask_smorest
from flask import Flask, Response, json
from marshmallow import INCLUDE, Schema, fields
from werkzeug.exceptions import HTTPException

from app.observability.record import get_record

PROBLEM_JSON = "application/problem+json"

# A problem lists so many faults of the input, in so many bytes, and says how many it leaves out.
MAX_FAULTS = 20
MAX_FAULTS_SIZE = 8 * 1024


class FieldErrorSchema(Schema):
    """One fault of the input: where it is, and what is wrong there."""

    detail = fields.String(required=True)
    pointer = fields.String(metadata={"description": "JSON Pointer into the request body"})
    parameter = fields.String(metadata={"description": "Query, path or header parameter"})


class ProblemSchema(Schema):
    """A problem, as RFC 9457 has it, with the list of faults its section 3 shows."""

    class Meta:
        # More ids of the request: to be quoted, and found again in the logs.
        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    errors = fields.List(fields.Nested(FieldErrorSchema))
    request_id = fields.String(metadata={"description": "What the service knows the request by"})


def abort(
    status: int,
    detail: str | None = None,
    *,
    errors: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> NoReturn:
    """Answer with a problem of this status; `errors` are marshmallow's messages by location."""
    data = {"message": detail, "errors": errors, "headers": headers}
    flask_smorest.abort(status, **{name: value for name, value in data.items() if value})
    raise AssertionError  # flask_smorest.abort() has no types


def init_errors(app: Flask) -> None:
    """Answer with a problem wherever the application would answer with an HTML error page."""
    app.register_error_handler(HTTPException, handle_http_exception)


def handle_http_exception(error: HTTPException) -> Response:
    """Turn `error` into a problem; its own headers (Allow, Retry-After, ...) are kept."""
    response = error.get_response()
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": error.name,
        "status": response.status_code,
    }

    # What webargs and flask_smorest.abort() attach.
    data: dict[str, Any] = getattr(error, "data", None) or {}
    faults = data.get("messages") or data.get("errors")
    detail = data.get("message") or (None if faults else error.description)
    if detail:
        problem["detail"] = detail
    if faults:
        problem["errors"], omitted = list_faults(faults)
        if omitted:
            problem["detail"] = " ".join(filter(None, [detail, f"Faults not listed: {omitted}."]))
    problem |= get_record().ids
    response.headers.extend(data.get("headers") or {})

    response.headers["Content-Type"] = PROBLEM_JSON
    if etag := getattr(error, "etag", None):  # a 304 names what is not modified (RFC 9110, 15.4.5)
        response.set_etag(etag)
    return Response(json.dumps(problem), response.status_code, response.headers)


def list_faults(faults: dict[str, Any]) -> tuple[list[dict[str, str]], int]:
    """Return the first faults of the input, and the number of those left out.

    They repeat the names that a client sends, which would otherwise decide how long a response is.
    """
    found = list(field_errors(faults))
    listed: list[dict[str, str]] = []
    size = 0
    for fault in found[:MAX_FAULTS]:
        size += len(json.dumps(fault).encode())
        if size > MAX_FAULTS_SIZE:
            break
        listed.append(fault)
    return listed, len(found) - len(listed)


def field_errors(faults: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Flatten marshmallow's messages by location into one entry for each fault.

    `{"json": {"items": {0: {"sku": ["Too long."]}}}}` becomes
    `{"pointer": "#/items/0/sku", "detail": "Too long."}`.
    """
    for location, messages in faults.items():
        for path, detail in flatten(messages):
            if location == "json":
                # The escapes of RFC 6901.
                tokens = (token.replace("~", "~0").replace("/", "~1") for token in path)
                yield {"detail": detail, "pointer": "#" + "".join(f"/{token}" for token in tokens)}
            else:
                yield {"detail": detail, "parameter": ".".join(path)}


def flatten(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path to each message of a tree of dicts and lists, and the message."""
    if isinstance(messages, dict):
        for key, value in messages.items():
            # marshmallow's name for what concerns the whole of an object
            yield from flatten(value, path if key == "_schema" else (*path, str(key)))
    elif isinstance(messages, list):
        for message in messages:
            yield from flatten(message, path)
    else:
        yield path, str(messages)
