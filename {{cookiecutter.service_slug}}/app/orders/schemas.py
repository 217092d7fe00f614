"""What a client sends and receives. /openapi.json is derived from this."""

from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_dump, post_load, validates_schema
from marshmallow.validate import Length, Range, Regexp

{% if cookiecutter.database != "none" %}
from app.orders.cursor import CursorField
{% endif %}
from app.orders.pricing import is_payable, minor_unit

# Together they bound every total below 10^15.
MAX_ITEMS = 100
MAX_QUANTITY = 10_000
MAX_UNIT_PRICE = Decimal("999999999.9999")


class ItemSchema(Schema):
    """So many of one article, at a price each."""

    sku = fields.String(
        required=True,
        validate=Regexp(r"^[A-Za-z0-9._-]{1,64}\Z"),
        metadata={"description": "Stock keeping unit", "example": "TEA-100"},
    )
    quantity = fields.Integer(
        required=True,
        strict=True,
        validate=Range(1, MAX_QUANTITY),
        metadata={"example": 2},
    )
    unit_price = fields.Decimal(
        required=True,
        as_string=True,
        validate=Range(Decimal(0), MAX_UNIT_PRICE),
        metadata={"example": "9.99"},
    )


class OrderSchema(Schema):
    """An order."""
    {% if cookiecutter.database != "none" %}

    id = fields.UUID(dump_only=True)
    {% endif %}

    currency = fields.String(
        required=True,
        validate=Regexp(r"^[A-Z]{3}\Z"),
        metadata={"description": "ISO 4217 code", "example": "EUR"},
    )
    items = fields.List(fields.Nested(ItemSchema), required=True, validate=Length(1, MAX_ITEMS))
    total = fields.Decimal(as_string=True, dump_only=True, metadata={"example": "19.98"})
    {% if cookiecutter.database != "none" %}
    created_at = fields.AwareDateTime(dump_only=True)
    {% endif %}

    @validates_schema
    def refuse_fractions_of_minor_units(self, order: dict[str, Any], **kwargs: Any) -> None:
        """No price may be finer than its currency: 9.999 EUR cannot be paid."""
        faults = {
            index: {"unit_price": [f"Has more decimal places than {order['currency']}."]}
            for index, item in enumerate(order["items"])
            if not is_payable(item["unit_price"], order["currency"])
        }
        if faults:
            raise ValidationError({"items": faults})

    @post_load
    def write_in_minor_units(self, order: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """However it was sent, 9.9 EUR is 9.90 from here on."""
        unit = minor_unit(order["currency"])
        for item in order["items"]:
            item["unit_price"] = item["unit_price"].quantize(unit)
        return order

    @post_dump
    def show_minor_units(self, order: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Write each amount with its currency's decimal places, however it is kept."""
        unit = minor_unit(order["currency"])
        for holder, key in ((order, "total"), *((item, "unit_price") for item in order["items"])):
            holder[key] = str(Decimal(holder[key]).quantize(unit))
        return order
{% if cookiecutter.database != "none" %}


class PageQuerySchema(Schema):
    """Which page of the list."""

    limit = fields.Integer(load_default=20, validate=Range(1, 100))
    cursor = CursorField(load_default=None, metadata={"description": "`next` of the page before"})


class OrderPageSchema(Schema):
    """A page of orders, newest first."""

    orders = fields.List(fields.Nested(OrderSchema), required=True)
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Cursor of the page after"}
    )
{% endif %}
