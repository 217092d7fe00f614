import uuid
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest
import respx
from flask import Flask

from app.clients import payments
from app.clients.http import MAX_RESPONSE

pytestmark = pytest.mark.usefixtures("app_context")

ORDER = uuid.UUID(int=7)
PROVIDER = "https://payments.example/v1/"


@pytest.fixture
def provider(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[respx.MockRouter]:
    monkeypatch.setitem(app.config, "PAYMENTS_URL", PROVIDER)
    with respx.mock(base_url=PROVIDER) as router:
        yield router


def test_a_charge_carries_its_order_and_is_safe_to_repeat(provider: respx.MockRouter) -> None:
    route = provider.post("charges").respond(201, json={"id": "ch_1"})
    assert payments.charge(ORDER, Decimal("9.90"), "EUR") == "ch_1"
    request = route.calls.last.request
    assert request.headers["Idempotency-Key"] == f"charges-{ORDER}"
    assert request.content == (
        b'{"order":"00000000-0000-0000-0000-000000000007","amount":"9.90","currency":"EUR"}'
    )


def test_a_declined_charge_is_final(provider: respx.MockRouter) -> None:
    provider.post("charges").respond(402)
    with pytest.raises(payments.PaymentDeclined):
        payments.charge(ORDER, Decimal(1), "EUR")


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(500),
        httpx.Response(201, text="not JSON"),
        httpx.Response(201, json={}),
        httpx.Response(201, json=["ch_1"]),
        httpx.Response(201, json={"id": None}),
        httpx.Response(201, json={"id": "x" * 81}),
        httpx.Response(201, json={"id": "ch\0"}),
        httpx.Response(201, json={"id": "ch 1\n"}),
        httpx.Response(201, json={"id": "ch_1", "padding": "x" * MAX_RESPONSE}),
        httpx.Response(201, text="[" * MAX_RESPONSE),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("away"),
    ],
    ids=repr,
)
def test_any_other_response_is_unavailable(
    provider: respx.MockRouter, response: httpx.Response | Exception
) -> None:
    provider.post("charges").mock(side_effect=[response])
    with pytest.raises(payments.PaymentUnavailable):
        payments.charge(ORDER, Decimal(1), "EUR")


def test_an_invalid_response_is_logged(
    provider: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    provider.post("charges").respond(201, json={"id": "x" * 81})
    with pytest.raises(payments.InvalidReceipt):
        payments.charge(ORDER, Decimal(1), "EUR")
    assert f"invalid response from the payment provider to charges of order {ORDER}" in caplog.text
    assert "pattern" in caplog.text


def test_an_error_of_the_provider_is_logged(
    provider: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    provider.post("charges").respond(404)
    with pytest.raises(payments.PaymentUnavailable):
        payments.charge(ORDER, Decimal(1), "EUR")
    assert f"payment provider to charges of order {ORDER}" in caplog.text
    assert "404 Not Found" in caplog.text


def test_a_refund_carries_its_charge(provider: respx.MockRouter) -> None:
    route = provider.post("refunds").respond(201, json={"id": "re_1"})
    payments.refund(ORDER, "ch_1")
    assert route.calls.last.request.content == b'{"charge":"ch_1"}'


def test_without_a_provider_charges_are_simulated(caplog: pytest.LogCaptureFixture) -> None:
    assert payments.charge(ORDER, Decimal(1), "EUR") == f"simulated-{ORDER}"
    assert "PAYMENTS_URL is not set: simulated charges" in caplog.text
