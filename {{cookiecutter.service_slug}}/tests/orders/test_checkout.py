"""Every charge has a stored order, and every paid order a charge, whatever fails in between."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier, Event
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app.api import idempotency
from app.api.idempotency import IdempotentRequest
from app.clients import payments
from app.database.base import now
from app.extensions import db
from app.orders import checkout
from app.orders.models import Order, OrderItem

ORDER = {"currency": "EUR", "items": [{"sku": "TEA", "quantity": 2, "unit_price": "9.99"}]}


class Provider:
    """Fake payment provider that charges once for each order, or raises `failure`."""

    def __init__(self) -> None:
        self.charges: dict[uuid.UUID, Decimal] = {}
        self.refunds: set[str] = set()
        self.failure: Exception | None = None
        self.responds = True

    def charge(self, order_id: uuid.UUID, amount: Decimal, currency: str) -> str:
        if self.failure:
            raise self.failure
        self.charges[order_id] = amount
        if not self.responds:
            raise payments.PaymentUnavailable
        return f"ch-{order_id}"

    def refund(self, order_id: uuid.UUID, charge_id: str) -> None:
        if self.failure:
            raise self.failure
        self.refunds.add(charge_id)


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    provider = Provider()
    monkeypatch.setattr(payments, "charge", provider.charge)
    monkeypatch.setattr(payments, "refund", provider.refund)
    return provider


def place(client: FlaskClient, key: str | None = "k", **changes: Any) -> TestResponse:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/orders/", json={**ORDER, **changes}, headers=headers)


@pytest.fixture
def statuses(app: Flask) -> Callable[[], list[str]]:
    """Return a function that queries the status of every order."""

    def query_statuses() -> list[str]:
        with app.app_context():
            return list(db.session.scalars(select(Order.status)))

    return query_statuses


def update_keys(app: Flask, **offsets: timedelta) -> None:
    """Set columns of every key to the current time plus an offset."""
    with app.app_context():
        db.session.execute(
            update(IdempotentRequest).values({k: now() + v for k, v in offsets.items()})
        )
        db.session.commit()


PAST = timedelta(seconds=-1)


def test_an_order_is_charged_and_paid(client: FlaskClient, provider: Provider) -> None:
    response = place(client)
    assert response.status_code == 201
    assert response.get_json()["status"] == "paid"
    assert provider.charges == {uuid.UUID(response.get_json()["id"]): Decimal("19.98")}


def test_no_connection_is_held_during_a_call_to_the_provider(
    client: FlaskClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    def charge(*args: Any) -> str:
        held.append(db.engine.pool.checkedout())  # type: ignore[attr-defined]
        return provider.charge(*args)

    monkeypatch.setattr(payments, "charge", charge)
    assert place(client).status_code == 201
    assert held == [0]


def test_a_repeated_key_returns_the_stored_response(
    client: FlaskClient, provider: Provider, statuses: Callable[[], list[str]]
) -> None:
    first, second = place(client), place(client)
    assert (second.status_code, second.data) == (first.status_code, first.data)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["ETag"] == first.headers["ETag"]
    assert len(provider.charges) == len(statuses()) == 1


def test_without_a_key_every_request_places_an_order(
    client: FlaskClient, provider: Provider, statuses: Callable[[], list[str]]
) -> None:
    place(client, key=None), place(client, key=None)
    assert len(provider.charges) == len(statuses()) == 2


def test_a_key_cannot_be_used_for_another_order(client: FlaskClient) -> None:
    place(client)
    response = place(client, currency="USD")
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["parameter"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["two words", "x" * 256, "caf\xe9"])
def test_an_invalid_key_is_rejected(client: FlaskClient, key: str) -> None:
    assert place(client, key=key).status_code == 422


def test_a_key_expires(client: FlaskClient, provider: Provider) -> None:
    place(client)
    update_keys(client.application, expires_at=PAST)
    assert place(client).status_code == 201
    assert len(provider.charges) == 2


def test_a_declined_order_is_stored_and_stays_declined(
    client: FlaskClient, provider: Provider, statuses: Callable[[], list[str]]
) -> None:
    provider.failure = payments.PaymentDeclined()
    assert place(client).status_code == 402
    provider.failure = None
    assert place(client).status_code == 402
    assert statuses() == ["declined"]
    assert provider.charges == {}


@pytest.mark.parametrize("charged", [True, False], ids=["charged", "not charged"])
def test_an_order_stays_pending_while_the_provider_is_unavailable(
    client: FlaskClient, provider: Provider, charged: bool, statuses: Callable[[], list[str]]
) -> None:
    if charged:
        provider.responds = False
    else:
        provider.failure = payments.PaymentUnavailable()
    response = place(client)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert statuses() == ["pending"]

    provider.responds, provider.failure = True, None
    assert place(client).status_code == 201
    assert statuses() == ["paid"]
    assert len(provider.charges) == 1


@pytest.mark.parametrize("step", ["before the charge", "after the charge"])
@pytest.mark.parametrize("completed_by", ["retry", "settle"])
def test_the_order_of_a_process_that_died_is_completed(
    app: Flask,
    client: FlaskClient,
    provider: Provider,
    step: str,
    completed_by: str,
    monkeypatch: pytest.MonkeyPatch,
    statuses: Callable[[], list[str]],
) -> None:
    class Killed(BaseException):
        """Stands for SIGKILL: `except Exception` does not catch it."""

    def die(*args: Any) -> str:
        if step == "after the charge":
            provider.charge(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(payments, "charge", die)
        with pytest.raises(Killed):
            place(client)
    assert statuses() == ["pending"]
    assert place(client).status_code == 409

    if completed_by == "retry":
        update_keys(app, locked_until=PAST)
        assert place(client).status_code == 201
    else:
        result = app.test_cli_runner().invoke(args=["orders", "settle", "--older-than=0"])
        assert result.output == "1 settled, 0 waiting for the payment provider, 0 failed\n"
        update_keys(app, locked_until=PAST)
        assert place(client).get_json()["status"] == "paid"
    assert statuses() == ["paid"]
    assert len(provider.charges) == 1


def test_settle_leaves_orders_pending_while_the_provider_is_unavailable(
    app: Flask, client: FlaskClient, provider: Provider, statuses: Callable[[], list[str]]
) -> None:
    provider.failure = payments.PaymentUnavailable()
    place(client)
    result = app.test_cli_runner().invoke(args=["orders", "settle", "--older-than=0"])
    assert result.output == "0 settled, 1 waiting for the payment provider, 0 failed\n"
    assert statuses() == ["pending"]


@pytest.mark.parametrize("failure", [payments.InvalidReceipt(), RuntimeError("a bug")], ids=repr)
def test_settle_continues_after_an_order_that_fails_and_exits_with_1(
    app: Flask,
    client: FlaskClient,
    provider: Provider,
    failure: Exception,
    monkeypatch: pytest.MonkeyPatch,
    statuses: Callable[[], list[str]],
) -> None:
    provider.failure = payments.PaymentUnavailable()
    for _ in range(3):
        place(client, key=None)
    provider.failure = None
    charged: list[uuid.UUID] = []

    def charge(order_id: uuid.UUID, *args: Any) -> str:
        charged.append(order_id)
        if len(charged) == 1:
            raise failure
        return provider.charge(order_id, *args)

    monkeypatch.setattr(payments, "charge", charge)
    result = app.test_cli_runner().invoke(args=["orders", "settle", "--older-than=0"])
    assert result.output == "2 settled, 0 waiting for the payment provider, 1 failed\n"
    assert result.exit_code == 1
    assert sorted(statuses()) == ["paid", "paid", "pending"]


def test_settle_skips_recent_orders(app: Flask, client: FlaskClient, provider: Provider) -> None:
    provider.failure = payments.PaymentUnavailable()
    place(client)
    result = app.test_cli_runner().invoke(args=["orders", "settle"])
    assert result.output.startswith("0 settled, 0 waiting")


def test_a_key_in_flight_is_a_conflict(
    make_client: Callable[[], FlaskClient],
    client: FlaskClient,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    charging, finish = Event(), Event()

    def charge(*args: Any) -> str:
        charging.set()
        assert finish.wait(10)
        return provider.charge(*args)

    monkeypatch.setattr(payments, "charge", charge)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(place, make_client())
        assert charging.wait(10)
        second = place(client)
        finish.set()
    assert (second.status_code, second.headers["Retry-After"]) == (409, "2")
    assert first.result().status_code == 201
    assert place(client).get_json() == first.result().get_json()


def test_one_of_two_concurrent_requests_places_the_order(
    make_client: Callable[[], FlaskClient],
    client: FlaskClient,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    statuses: Callable[[], list[str]],
) -> None:
    both, insert_key = Barrier(2), idempotency.insert_key

    def insert_concurrently(*args: Any) -> IdempotentRequest:
        both.wait(10)
        return insert_key(*args)

    monkeypatch.setattr(idempotency, "insert_key", insert_concurrently)
    with ThreadPoolExecutor() as pool:
        responses = [pool.submit(place, make_client()) for _ in range(2)]
    codes = sorted(response.result().status_code for response in responses)
    assert codes == [201, 409]
    assert len(provider.charges) == len(statuses()) == 1
    assert place(client).status_code == 201


def test_the_lock_of_a_key_outlasts_a_call_to_the_provider() -> None:
    limits = payments.TIMEOUT.as_dict().values()
    assert checkout.LOCK_DURATION > timedelta(seconds=sum(seconds for seconds in limits if seconds))


def test_another_violated_constraint_is_not_reported_as_in_flight(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store_order(*_: Any) -> Order:
        item = OrderItem(order_id=uuid.uuid4(), sku="TEA", quantity=1, unit_price=Decimal(1))
        db.session.add(item)
        db.session.commit()
        raise AssertionError("an item without an order was stored")

    monkeypatch.setattr(checkout, "store_order", store_order)
    response = place(client)
    assert response.status_code == 409
    assert "in flight" not in response.get_json()["detail"]


def test_settle_repeats_the_refund_of_a_cancelled_order(
    app: Flask, client: FlaskClient, provider: Provider, statuses: Callable[[], list[str]]
) -> None:
    placed = place(client)
    provider.failure = payments.PaymentUnavailable()
    headers = {"If-Match": placed.headers["ETag"]}
    assert client.delete(placed.headers["Location"], headers=headers).status_code == 204
    assert statuses() == ["cancelled"]
    assert provider.refunds == set()

    provider.failure = None
    app.test_cli_runner().invoke(args=["orders", "settle", "--older-than=0"])
    assert provider.refunds == {f"ch-{placed.get_json()['id']}"}
    result = app.test_cli_runner().invoke(args=["orders", "settle", "--older-than=0"])
    assert result.output.startswith("0 settled, 0 waiting")
