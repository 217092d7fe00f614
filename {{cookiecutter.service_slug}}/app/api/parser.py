"""Parser of requests with bounded bodies and exact numbers."""

from decimal import Decimal
from typing import Any, NoReturn

from flask import Request, json
from marshmallow import Schema
from webargs.flaskparser import FlaskParser, is_json_request

from app.api.errors import abort

# Nesting levels of a body, characters of a key, and the decimal exponent of a number, which is that
# of a double (RFC 8259, section 6).
MAX_DEPTH = 32
MAX_KEY = 128
MAX_EXPONENT = 308


class JSONParser(FlaskParser):
    """Parser of UTF-8 JSON (RFC 8259) that returns decimals instead of floats.

    A body of the allowed size can hold tens of thousands of elements, and a schema takes about 50
    microseconds to validate each, so they are counted first. To allow more of them, set a subclass
    of this as the ARGUMENTS_PARSER of a blueprint.
    """

    # Elements of all lists and objects of a body, or fields of a form.
    max_elements = 1000

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the body; abort with 415 for another content type or 400 for invalid JSON."""
        if not is_json_request(req):
            abort(415, "Send the body as application/json.")
        try:
            text = req.get_data().decode()
            body = json.loads(text, parse_float=parse_number, parse_constant=reject_constant)
            size = count_elements(body)
        # Not JSON or UTF-8, a number out of range, nested too deep, a key too long.
        except (ValueError, ArithmeticError, RecursionError):
            abort(400, "The body is not valid JSON.")
        if size > self.max_elements:
            abort(400, f"The body has more than {self.max_elements} elements.")
        return body

    def load_form(self, req: Request, schema: Schema) -> Any:
        """Return the fields of a form; abort with 400 if there are too many."""
        if sum(len(values) for values in req.form.listvalues()) > self.max_elements:
            abort(400, f"The body has more than {self.max_elements} fields.")
        return super().load_form(req, schema)


def count_elements(value: Any, levels: int = MAX_DEPTH) -> int:
    """Count the elements of `value` at all levels; raise `ValueError` beyond a limit."""
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
    """Return a number with a fraction or an exponent; 2.0 is an integer in JSON Schema.

    Raises `ValueError` for an exponent with which the conversion would take minutes.
    """
    number = Decimal(text)
    if abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError("a number is out of range")
    whole = number.to_integral_value()
    return int(whole) if number == whole else number


def reject_constant(name: str) -> NoReturn:
    """Reject NaN and Infinity, which Python parses although JSON forbids them."""
    raise ValueError(f"{name} is not JSON")
