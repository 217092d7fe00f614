"""Exact decimal amounts: totals, and the decimal places of currencies."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

# Decimal places of the currencies that do not have two (ISO 4217).
MINOR_UNITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of `currency`: 0.01 for EUR, 1 for JPY."""
    return Decimal(10) ** -MINOR_UNITS.get(currency, 2)


def is_payable(amount: Decimal, currency: str) -> bool:
    """Return whether `amount` is a whole number of the currency's minor units."""
    return amount == amount.quantize(minor_unit(currency))


def calculate_total(items: Iterable[Mapping[str, Any]]) -> Decimal:
    """Return the sum of quantity times unit price over `items`."""
    return sum((item["quantity"] * item["unit_price"] for item in items), Decimal(0))
