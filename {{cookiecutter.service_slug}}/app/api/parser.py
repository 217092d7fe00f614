"""How the API reads its input: bounded, and with exact numbers."""

from decimal import Decimal
from typing import Any, NoReturn

from flask import Request, json
from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import Length, Regexp
from webargs.flaskparser import FlaskParser, is_json_request

from app.api.errors import abort

# Levels of lists and objects in a body, characters of a key, and the decimal exponent of a number,
# which is a double's (RFC 8259, section 6).
MAX_DEPTH = 32
MAX_KEY = 128
MAX_EXPONENT = 308


class JSONParser(FlaskParser):
    """Reads JSON in UTF-8 (RFC 8259) with exact numbers, so a price never becomes a float.

    A body of the allowed size can hold tens of thousands of elements, each of which a schema takes
    some 50 microseconds to validate: they are counted first. A resource that takes more of them
    has a blueprint whose ARGUMENTS_PARSER is a subclass of this.
    """

    # Elements of all lists and objects of a body together, or fields of a form.
    max_elements = 1000

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the body; abort with 415 for another content type, 400 for invalid JSON."""
        if not is_json_request(req):
            abort(415, "Send the body as application/json.")
        try:
            text = req.get_data().decode()
            body = json.loads(text, parse_float=parse_number, parse_constant=reject_constant)
            size = count_elements(body)
        # Not JSON, not UTF-8, a number out of range, nested too deep, a key too long.
        except (ValueError, ArithmeticError, RecursionError):
            abort(400, "The body is not valid JSON.")
        if size > self.max_elements:
            abort(400, f"The body has more than {self.max_elements} elements.")
        return body

    def load_form(self, req: Request, schema: Schema) -> Any:
        """Return the fields of a form; abort with 400 where there are too many."""
        if sum(len(values) for values in req.form.listvalues()) > self.max_elements:
            abort(400, f"The body has more than {self.max_elements} fields.")
        return super().load_form(req, schema)


def count_elements(value: Any, levels: int = MAX_DEPTH) -> int:
    """Count the elements in `value` at every level; raises `ValueError` beyond the bounds."""
    if isinstance(value, dict):
        if value and max(map(len, value)) > MAX_KEY:
            raise ValueError("a key is too long")
        value = value.values()
    elif not isinstance(value, list):
        return 0
    if levels == 0:
        raise ValueError("nested too deep")
    return len(value) + sum(count_elements(item, levels - 1) for item in value)


def parse_number(text: str) -> Decimal | int:
    """Read a number that has a fraction or an exponent: 2.0 is an integer to JSON Schema.

    Raises `ValueError` for one whose conversion to an integer would take minutes.
    """
    number = Decimal(text)
    if abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError("a number is out of range")
    return int(number) if number == int(number) else number


def reject_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads but JSON does not have."""
    raise ValueError(f"{name} is not JSON")


class BoundedList(fields.List[Any]):
    """A list whose length is validated before its elements are loaded."""

    def __init__(self, inner: fields.Field[Any], *, length: Length, **kwargs: Any) -> None:
        super().__init__(inner, validate=length, **kwargs)
        self.length = length

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list):
            self.length(value)
        return super()._deserialize(value, attr, data, **kwargs)


class FullMatch(Regexp):
    """Matches the whole of a string; Python alone lets `$` overlook a newline at its end."""

    def __call__(self, value: Any) -> Any:
        if value.endswith("\n"):
            raise ValidationError(self._format_error(value))
        return super().__call__(value)
