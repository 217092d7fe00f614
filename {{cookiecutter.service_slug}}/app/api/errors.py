"""Error responses: application/problem+json (RFC 9457), or the formats of ERROR_FORMATS."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NamedTuple, NoReturn

import flask_smorest
from apispec import APISpec, BasePlugin
from flask import Flask, Response, current_app, json, request
from marshmallow import INCLUDE, Schema, fields
from werkzeug.exceptions import HTTPException

from app.observability.record import get_record

PROBLEM_JSON = "application/problem+json"

# Number and bytes of the validation errors that a problem lists; it counts the others.
MAX_ERRORS = 20
MAX_ERRORS_SIZE = 8 * 1024


class FieldErrorSchema(Schema):
    """Validation error and its location in the request."""

    detail = fields.String(required=True)
    pointer = fields.String(metadata={"description": "JSON Pointer into the request body"})
    parameter = fields.String(metadata={"description": "Query, path or header parameter"})


class ProblemSchema(Schema):
    """Problem details with a list of validation errors (RFC 9457, section 3)."""

    class Meta:
        # Further ids of the request, which its log records also have.
        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    errors = fields.List(fields.Nested(FieldErrorSchema))
    request_id = fields.String(metadata={"description": "Id of the request in the service's logs"})


class ErrorFormat(NamedTuple):
    """Format of error responses: their body, its schema in OpenAPI, and their content type.

    `render` gets the problem as a dict, and returns what is serialized to JSON.
    """

    render: Callable[[dict[str, Any]], Any]
    schema: type[Schema]
    content_type: str = "application/json"


PROBLEM = ErrorFormat(dict, ProblemSchema, PROBLEM_JSON)


def abort(
    status: int,
    detail: str | None = None,
    *,
    errors: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> NoReturn:
    """Raise an error with this status; `errors` are marshmallow's messages by location."""
    data = {"message": detail, "errors": errors, "headers": headers}
    flask_smorest.abort(status, **{name: value for name, value in data.items() if value})
    raise AssertionError  # unreachable: flask_smorest.abort() has no types


def init_errors(app: Flask) -> None:
    """Register the handler that returns problems instead of HTML error pages.

    Raises `ValueError` for a key of ERROR_FORMATS that no path starts with.
    """
    for prefix in app.config["ERROR_FORMATS"]:
        if not prefix.startswith("/"):
            raise ValueError(f"ERROR_FORMATS: {prefix!r} does not start with a slash.")
    app.register_error_handler(HTTPException, handle_http_exception)


def handle_http_exception(error: HTTPException) -> Response:
    """Return `error` as a problem with the headers of the error (Allow, Retry-After, ...).

    Every error response of the application is made here.
    """
    response = error.get_response()
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": error.name,
        "status": response.status_code,
    }

    # Set by webargs and flask_smorest.abort().
    data: dict[str, Any] = getattr(error, "data", None) or {}
    messages = data.get("messages") or data.get("errors")
    detail = data.get("message") or (None if messages else error.description)
    if detail:
        problem["detail"] = detail
    if messages:
        problem["errors"], omitted = limit_errors(messages)
        if omitted:
            problem["detail"] = " ".join(filter(None, [detail, f"Errors not listed: {omitted}."]))
    problem |= get_record().ids
    response.headers.extend(data.get("headers") or {})

    body, content_type = problem, PROBLEM_JSON
    if formats := current_app.config["ERROR_FORMATS"]:
        error_format = find_error_format(formats, request.path)
        body, content_type = error_format.render(problem), error_format.content_type
    response.headers["Content-Type"] = content_type
    if etag := getattr(error, "etag", None):  # a 304 carries its ETag (RFC 9110, section 15.4.5)
        response.set_etag(etag)
    return Response(json.dumps(body), response.status_code, response.headers)


def find_error_format(formats: dict[str, ErrorFormat], path: str) -> ErrorFormat:
    """Return the format of the longest prefix of `path`; "/" is the prefix of every path."""
    for prefix in sorted(formats, key=len, reverse=True):
        if f"{path}/".startswith(f"{prefix.rstrip('/')}/"):
            return formats[prefix]
    return PROBLEM


class ErrorResponses(BasePlugin):
    """apispec plugin that documents the error responses of each path in its format."""

    def __init__(self, formats: dict[str, ErrorFormat]) -> None:
        self.formats = formats
        # The first one keeps flask-smorest's names of responses.
        self.all = list(dict.fromkeys([find_error_format(formats, "/"), *formats.values()]))

    def register(self, spec: APISpec) -> None:
        """Register a response for each status, and a default one, in each format."""
        statuses = {status.name: status.phrase for status in HTTPStatus if status >= 200}
        for name, phrase in {**statuses, "DEFAULT_ERROR": "Default error response"}.items():
            for error_format in self.all:
                response: dict[str, Any] = {"description": phrase}
                if name not in ("NO_CONTENT", "NOT_MODIFIED"):
                    content = {"schema": error_format.schema}
                    response["content"] = {error_format.content_type: content}
                spec.components.response(self.rename(name, error_format), response, lazy=True)

    def rename(self, name: str, error_format: ErrorFormat) -> str:
        """Return the name of a response in this format."""
        number = self.all.index(error_format)
        return f"{name}_{number}" if number else name

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Replace the names of an operation's responses by those in the format of its path."""
        error_format = find_error_format(self.formats, path or "/")
        for operation in (operations or {}).values():
            responses = operation.get("responses", {})
            for status, response in responses.items():
                if isinstance(response, str):
                    responses[status] = self.rename(response, error_format)


def limit_errors(messages: dict[str, Any]) -> tuple[list[dict[str, str]], int]:
    """Return the first validation errors, and the number of those left out.

    Errors repeat field names that the client sent, so the response is bounded here.
    """
    errors = list(field_errors(messages))
    listed: list[dict[str, str]] = []
    size = 0
    for error in errors[:MAX_ERRORS]:
        size += len(json.dumps(error).encode())
        if size > MAX_ERRORS_SIZE:
            break
        listed.append(error)
    return listed, len(errors) - len(listed)


def field_errors(messages: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield one validation error for each of marshmallow's messages by location.

    `{"json": {"items": {0: {"sku": ["Too long."]}}}}` becomes
    `{"pointer": "#/items/0/sku", "detail": "Too long."}`.
    """
    for location, tree in messages.items():
        for path, detail in flatten_messages(tree):
            if location == "json":
                # Escaped as in RFC 6901.
                tokens = (token.replace("~", "~0").replace("/", "~1") for token in path)
                yield {"detail": detail, "pointer": "#" + "".join(f"/{token}" for token in tokens)}
            else:
                yield {"detail": detail, "parameter": ".".join(path)}


def flatten_messages(
    tree: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each message of a tree of dicts and lists with its path."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            # marshmallow's key for errors of the object as a whole
            yield from flatten_messages(value, path if key == "_schema" else (*path, str(key)))
    elif isinstance(tree, list):
        for message in tree:
            yield from flatten_messages(message, path)
    else:
        yield path, str(tree)
