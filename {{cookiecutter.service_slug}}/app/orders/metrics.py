"""Business metrics of orders."""

from decimal import Decimal

from prometheus_client import Counter, Histogram

ORDERS_CREATED = Counter("orders_created_total", "Orders by payment status.", ["status"])
ORDER_VALUE = Histogram(
    "order_value",
    "Value of paid orders, in units of their currency.",
    ["currency"],
    buckets=[5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000],
)

# Clients choose the currency: any other one is labeled "other" to bound the number of time series.
CURRENCIES = {"CHF", "EUR", "GBP", "JPY", "USD"}


def count_order(status: str, value: Decimal, currency: str) -> None:
    """Count an order whose payment is settled, and observe its value if it is paid."""
    ORDERS_CREATED.labels(status).inc()
    if status == "paid":
        ORDER_VALUE.labels(currency if currency in CURRENCIES else "other").observe(float(value))
