import pytest
from flask.testing import FlaskClient
from prometheus_client import REGISTRY

from app.clients import payments


def place(client: FlaskClient, price: str, currency: str = "EUR") -> int:
    items = [{"sku": "TEA", "quantity": 2, "unit_price": price}]
    return client.post("/orders/", json={"currency": currency, "items": items}).status_code


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def paid_orders() -> tuple[float, float]:
    """Return the number of paid orders, and the total value of those in EUR."""
    return value("orders_created_total", status="paid"), value("order_value_sum", currency="EUR")


def test_a_paid_order_is_counted_with_its_value(client: FlaskClient) -> None:
    count, total = paid_orders()
    assert place(client, "9.50") == 201
    assert paid_orders() == (count + 1, total + 19)


def test_an_unknown_currency_is_labeled_other(client: FlaskClient) -> None:
    before = value("order_value_count", currency="other")
    assert [place(client, "1.00", currency) for currency in ("AAA", "BBB")] == [201, 201]
    assert value("order_value_count", currency="other") == before + 2


def test_a_declined_order_has_no_value(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decline(*_: object) -> str:
        raise payments.PaymentDeclined

    monkeypatch.setattr(payments, "charge", decline)
    before = paid_orders()
    assert place(client, "9.50") == 402
    assert paid_orders() == before
