"""Fields with limits: text, money, datetimes and lists that can be stored as they are."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, Regexp

# Control characters (some servers reject NUL) and lone surrogates, which UTF-8 cannot encode.
CONTROL = r"\x00-\x1f\x7f-\x9f"
CONTROL_EXCEPT_WHITESPACE = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
SURROGATES = r"\ud800-\udfff"


class FullMatch(Regexp):
    """Regexp validator whose `$` does not match before a trailing newline."""

    def __call__(self, value: Any) -> Any:
        if value.endswith("\n"):
            raise ValidationError(self._format_error(value))
        return super().__call__(value)


class BoundedList(fields.List[Any]):
    """List field whose length is validated before its elements are deserialized."""

    def __init__(self, inner: fields.Field[Any], *, length: Length, **kwargs: Any) -> None:
        super().__init__(inner, validate=length, **kwargs)
        self.length = length

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list):
            self.length(value)
        return super()._deserialize(value, attr, data, **kwargs)


class TextField(fields.String):
    """Text of `min_length` to `max_length` characters without control characters.

    With `multiline`, tabs and line breaks are accepted, too.
    """

    default_error_messages = {"unstorable": "Contains characters that cannot be stored."}

    def __init__(
        self, max_length: int, *, min_length: int = 1, multiline: bool = False, **kwargs: Any
    ) -> None:
        rejected = (CONTROL_EXCEPT_WHITESPACE if multiline else CONTROL) + SURROGATES
        self.unstorable = re.compile(f"[{rejected}]")
        metadata = {"pattern": f"^[^{rejected}]*$", **kwargs.pop("metadata", {})}
        length = Length(min_length, max_length)
        super().__init__(validate=length, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if self.unstorable.search(text):
            raise self.make_error("unstorable")
        return text


class BooleanField(fields.Boolean):
    """JSON's true or false; marshmallow's own field accepts numbers and words, too."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class DateField(fields.Date):
    """Date as YYYY-MM-DD (RFC 3339) of the years 1000 to 9999."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"pattern": r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$", **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        # Python accepts more of ISO 8601.
        pattern = str(self.metadata["pattern"])
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return super()._deserialize(value, *args, **kwargs)


class MoneyField(fields.Decimal):
    """Amount of at least 0, as a decimal string or a JSON number, read without rounding.

    It has at most `digits` digits before the decimal point. A response has `places` after it.
    """

    def __init__(self, *, digits: int = 9, places: int = 4, **kwargs: Any) -> None:
        pattern = r"^[0-9]{1,DIGITS}(\.[0-9]{1,PLACES})?$"
        self.pattern = pattern.replace("DIGITS", str(digits)).replace("PLACES", str(places))
        self.maximum = Decimal(10) ** digits - Decimal(10) ** -places
        metadata = {
            "type": ["string", "number"],
            "pattern": self.pattern,
            "minimum": 0,
            "maximum": float(self.maximum),
            "example": "9.99",
            **kwargs.pop("metadata", {}),
        }
        super().__init__(places, as_string=True, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, str) and not re.fullmatch(self.pattern, value):
            raise self.make_error("invalid", input=value)
        amount: Decimal = super()._deserialize(value, *args, **kwargs)
        if not 0 <= amount <= self.maximum:
            raise ValidationError(f"Must be between 0 and {self.maximum}.")
        if isinstance(value, Decimal) and value != amount:  # it was rounded
            raise self.make_error("invalid", input=value)
        # JSON allows -0.0.
        return amount.copy_abs()


class MomentField(fields.AwareDateTime):
    """Datetime with a time zone (RFC 3339), converted to UTC, of the years 1000 to 9999."""

    PATTERN = (
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
        r"(Z|[+-][0-9]{2}:[0-9]{2})$"
    )

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        # Python accepts more of ISO 8601, such as week dates and hours without minutes.
        if not isinstance(value, str) or not re.fullmatch(self.PATTERN, value):
            raise self.make_error("invalid", input=value, obj_type="datetime")
        moment = super()._deserialize(value, *args, **kwargs)
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            raise self.make_error("invalid", input=value, obj_type="datetime") from None
        if moment.year < 1000:  # the minimum of some servers
            raise self.make_error("invalid", input=value, obj_type="datetime")
        return moment
