"""What the business asks of the orders."""

from decimal import Decimal

from prometheus_client import Counter, Histogram

CREATED = Counter("orders_created_total", "Orders by what became of their payment.", ["status"])
VALUE = Histogram(
    "order_value",
    "Value of the paid orders, in units of their currency.",
    ["currency"],
    buckets=[5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000],
)

# A label takes few values, and none that a client makes up.
CURRENCIES = {"CHF", "EUR", "GBP", "JPY", "USD"}


def count_order(status: str, value: Decimal, currency: str) -> None:
    """Count an order, once it is known what became of it."""
    CREATED.labels(status).inc()
    if status == "paid":
        VALUE.labels(currency if currency in CURRENCIES else "other").observe(float(value))
