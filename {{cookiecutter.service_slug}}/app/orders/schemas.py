"""Marshmallow schemas of orders; /openapi.json is generated from them."""

from decimal import Decimal
from typing import Any

from marshmallow import (
    Schema,
    ValidationError,
    fields,
    post_dump,
    post_load,
    validate,
    validates_schema,
)

from app.api import BoundedList, FullMatch, MoneyField
from app.orders.pricing import is_payable, minor_unit

# Together with the limit of MoneyField, these keep every total below 10^15.
MAX_ITEMS = 100
MAX_QUANTITY = 10_000


is_reference = FullMatch(r"^[ -~]{1,80}$")


class ItemSchema(Schema):
    """An article of an order, with its quantity and unit price."""

    sku = fields.String(
        required=True,
        validate=FullMatch(r"^[A-Za-z0-9._-]{1,64}$"),
        metadata={"description": "Stock keeping unit", "example": "TEA-100"},
    )
    quantity = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, MAX_QUANTITY),
        metadata={"example": 2},
    )
    unit_price = MoneyField(required=True)


class OrderSchema(Schema):
    """An order with its items."""

    id = fields.UUID(dump_only=True)
    status = fields.String(dump_only=True, metadata={"example": "paid"})
    reference = fields.String(
        allow_none=True,
        validate=is_reference,
        metadata={"description": "The client's own reference for the order"},
    )
    currency = fields.String(
        required=True,
        validate=FullMatch(r"^[A-Z]{3}$"),
        metadata={"description": "ISO 4217 code", "example": "EUR"},
    )
    items = BoundedList(
        fields.Nested(ItemSchema), required=True, length=validate.Length(1, MAX_ITEMS)
    )
    total = fields.String(dump_only=True, metadata={"example": "19.98"})
    created_at = fields.AwareDateTime(dump_only=True)

    @validates_schema
    def validate_decimal_places(self, order: dict[str, Any], **kwargs: Any) -> None:
        """Reject prices with more decimal places than their currency, such as 9.999 EUR."""
        faults = {
            index: {"unit_price": [f"Has more decimal places than {order['currency']} allows."]}
            for index, item in enumerate(order["items"])
            if not is_payable(item["unit_price"], order["currency"])
        }
        if faults:
            raise ValidationError({"items": faults})

    @post_load
    def quantize_prices(self, order: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Give each price the decimal places of its currency: 9.9 EUR becomes 9.90."""
        unit = minor_unit(order["currency"])
        for item in order["items"]:
            item["unit_price"] = item["unit_price"].quantize(unit)
        return order

    @post_dump
    def format_amounts(self, order: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Format each amount with its currency's decimal places."""
        unit = minor_unit(order["currency"])
        for holder, key in ((order, "total"), *((item, "unit_price") for item in order["items"])):
            holder[key] = str(Decimal(holder[key]).quantize(unit))
        return order


class OrderChangeSchema(Schema):
    """The fields of an order that a client may change."""

    status = fields.String(validate=validate.OneOf(["shipped"]))
    reference = fields.String(allow_none=True, validate=is_reference)
