"""How the API reads JSON, and how OpenAPI describes its errors."""

from decimal import Decimal
from typing import Any, NoReturn

import flask_smorest
from flask import Request, json
from flask_smorest import abort
from flask_smorest.exceptions import NotModified
from marshmallow import Schema, ValidationError
from marshmallow.validate import Regexp
from webargs.flaskparser import FlaskParser, is_json_request

from app.errors import PROBLEM_JSON, ProblemSchema, handle_http_exception

# Levels of lists and objects in a body.
MAX_DEPTH = 32


class JSONParser(FlaskParser):
    """Reads a JSON body (RFC 8259) with its numbers exact: a price never becomes a float."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the body; aborts with 415 when it is not said to be JSON, 400 when it is not."""
        if not is_json_request(req):
            abort(415, message="Send the body as application/json.")
        try:
            body = json.loads(req.get_data(), parse_float=Decimal, parse_constant=reject_constant)
            if is_deeper(body, MAX_DEPTH):
                raise RecursionError
            return body
        # Not JSON, not UTF-8, an integer or an exponent beyond all bounds, nested too deep.
        except (ValueError, ArithmeticError, RecursionError):
            abort(400, message="The body is not valid JSON.")


def is_deeper(value: Any, levels: int) -> bool:
    """Tell whether `value` has lists and objects in each other, more than so many levels of them."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(is_deeper(item, levels - 1) for item in value)


def reject_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads but JSON does not have."""
    raise ValueError(f"{name} is not JSON")


class FullMatch(Regexp):
    """Matches the whole of a string; Python alone lets `$` overlook a newline at its end."""

    def __call__(self, value: Any) -> Any:
        if value.endswith("\n"):
            raise ValidationError(self._format_error(value))
        return super().__call__(value)


class Blueprint(flask_smorest.Blueprint):
    """A blueprint whose routes declare their arguments and responses."""

    ARGUMENTS_PARSER = JSONParser()

    def _check_not_modified(self, etag: str) -> None:
        """Have the 304 carry its ETag; flask-smorest (0.47) forgets it."""
        try:
            super()._check_not_modified(etag)
        except NotModified as error:
            error.etag = etag
            raise


class Api(flask_smorest.Api):
    """The API as OpenAPI sees it: every error is a problem."""

    ERROR_SCHEMA = ProblemSchema

    def handle_http_exception(self, error: Any) -> Any:
        return handle_http_exception(error)

    def _register_pagination_header(self) -> None:
        """Describe none: a list is paged by cursor, not by flask-smorest's page numbers."""

    def _register_responses(self) -> None:
        # flask-smorest has one content type for answers and errors alike.
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM_JSON
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE
