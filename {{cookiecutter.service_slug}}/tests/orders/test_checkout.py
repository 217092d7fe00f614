"""What is charged is stored, and what is stored as paid is charged, whatever fails in between."""

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

from app.clients import payments
from app.database.base import now
from app.extensions import db
from app.orders import checkout
from app.orders.models import IdempotencyKey, Order, OrderItem

ORDER = {"currency": "EUR", "items": [{"sku": "TEA", "quantity": 2, "unit_price": "9.99"}]}


class Provider:
    """Stands in for the payment provider: charges once for each order, unless told to fail."""

    def __init__(self) -> None:
        self.charges: dict[uuid.UUID, Decimal] = {}
        self.refunds: set[str] = set()
        self.failure: Exception | None = None
        self.answers = True

    def charge(self, order_id: uuid.UUID, amount: Decimal, currency: str) -> str:
        if self.failure:
            raise self.failure
        self.charges[order_id] = amount
        if not self.answers:
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
    """Asks the database for the status of every order."""

    def ask() -> list[str]:
        with app.app_context():
            return list(db.session.scalars(select(Order.status)))

    return ask


def run_out(app: Flask, **moments: timedelta) -> None:
    """Move the moments of every key into the past."""
    with app.app_context():
        db.session.execute(
            update(IdempotencyKey).values({k: now() + v for k, v in moments.items()})
        )
        db.session.commit()


PAST = timedelta(seconds=-1)


def test_an_order_is_charged_and_paid(client: FlaskClient, provider: Provider) -> None:
    response = place(client)
    assert response.status_code == 201
    assert response.get_json()["status"] == "paid"
    assert provider.charges == {uuid.UUID(response.get_json()["id"]): Decimal("19.98")}


def test_no_connection_is_held_while_the_provider_is_asked(
    client: FlaskClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    def charge(*args: Any) -> str:
        held.append(db.engine.pool.checkedout())  # type: ignore[attr-defined]
        return provider.charge(*args)

    monkeypatch.setattr(payments, "charge", charge)
    assert place(client).status_code == 201
    assert held == [0]


def test_the_same_request_gets_the_same_response(
    client: FlaskClient, provider: Provider, statuses: Callable[[], list[str]]
) -> None:
    first, second = place(client), place(client)
    assert (second.status_code, second.data) == (first.status_code, first.data)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["ETag"] == first.headers["ETag"]
    assert len(provider.charges) == len(statuses()) == 1


def test_without_a_key_every_request_is_an_order(
    client: FlaskClient, provider: Provider, statuses: Callable[[], list[str]]
) -> None:
    place(client, key=None), place(client, key=None)
    assert len(provider.charges) == len(statuses()) == 2


def test_a_key_belongs_to_one_body(client: FlaskClient) -> None:
    place(client)
    response = place(client, currency="USD")
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["parameter"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["two words", "x" * 256, "caf\xe9"])
def test_a_key_that_is_none_is_refused(client: FlaskClient, key: str) -> None:
    assert place(client, key=key).status_code == 422


def test_a_key_expires(client: FlaskClient, provider: Provider) -> None:
    place(client)
    run_out(client.application, expires_at=PAST)
    assert place(client).status_code == 201
    assert len(provider.charges) == 2


def test_a_declined_order_is_found_and_stays_declined(
    client: FlaskClient, provider: Provider, statuses: Callable[[], list[str]]
) -> None:
    provider.failure = payments.PaymentDeclined()
    assert place(client).status_code == 402
    provider.failure = None
    assert place(client).status_code == 402
    assert statuses() == ["declined"]
    assert provider.charges == {}


@pytest.mark.parametrize("charged", [True, False], ids=["charged all the same", "not charged"])
def test_a_provider_that_does_not_answer_leaves_the_order_pending(
    client: FlaskClient, provider: Provider, charged: bool, statuses: Callable[[], list[str]]
) -> None:
    if charged:
        provider.answers = False
    else:
        provider.failure = payments.PaymentUnavailable()
    response = place(client)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert statuses() == ["pending"]

    provider.answers, provider.failure = True, None
    assert place(client).status_code == 201
    assert statuses() == ["paid"]
    assert len(provider.charges) == 1


@pytest.mark.parametrize("step", ["before the charge", "after the charge"])
@pytest.mark.parametrize("finished_by", ["retry", "settle"])
def test_a_process_that_dies_leaves_an_order_that_is_finished(
    app: Flask,
    client: FlaskClient,
    provider: Provider,
    step: str,
    finished_by: str,
    monkeypatch: pytest.MonkeyPatch,
    statuses: Callable[[], list[str]],
) -> None:
    class Killed(BaseException):
        """Not even an `except Exception` sees a SIGKILL."""

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

    if finished_by == "retry":
        run_out(app, locked_until=PAST)
        assert place(client).status_code == 201
    else:
        result = app.test_cli_runner().invoke(args=["orders", "settle", "--older-than=0"])
        assert result.output == "1 settled, 0 waiting for the payment provider, 0 failed\n"
        run_out(app, locked_until=PAST)
        assert place(client).get_json()["status"] == "paid"
    assert statuses() == ["paid"]
    assert len(provider.charges) == 1


def test_settle_leaves_what_the_provider_does_not_answer(
    app: Flask, client: FlaskClient, provider: Provider, statuses: Callable[[], list[str]]
) -> None:
    provider.failure = payments.PaymentUnavailable()
    place(client)
    result = app.test_cli_runner().invoke(args=["orders", "settle", "--older-than=0"])
    assert result.output == "0 settled, 1 waiting for the payment provider, 0 failed\n"
    assert statuses() == ["pending"]


@pytest.mark.parametrize("failure", [payments.InvalidReceipt(), RuntimeError("a bug")], ids=repr)
def test_settle_goes_on_after_an_order_that_fails_and_exits_with_1(
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
    asked: list[uuid.UUID] = []

    def charge(order_id: uuid.UUID, *args: Any) -> str:
        asked.append(order_id)
        if len(asked) == 1:
            raise failure
        return provider.charge(order_id, *args)

    monkeypatch.setattr(payments, "charge", charge)
    result = app.test_cli_runner().invoke(args=["orders", "settle", "--older-than=0"])
    assert result.output == "2 settled, 0 waiting for the payment provider, 1 failed\n"
    assert result.exit_code == 1
    assert sorted(statuses()) == ["paid", "paid", "pending"]


def test_settle_leaves_what_is_in_flight(
    app: Flask, client: FlaskClient, provider: Provider
) -> None:
    provider.failure = payments.PaymentUnavailable()
    place(client)
    result = app.test_cli_runner().invoke(args=["orders", "settle"])
    assert result.output.startswith("0 settled, 0 waiting")


def test_a_request_in_flight_is_not_joined(
    make_client: Callable[[], FlaskClient],
    client: FlaskClient,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    charging, answered = Event(), Event()

    def charge(*args: Any) -> str:
        charging.set()
        assert answered.wait(10)
        return provider.charge(*args)

    monkeypatch.setattr(payments, "charge", charge)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(place, make_client())
        assert charging.wait(10)
        second = place(client)
        answered.set()
    assert (second.status_code, second.headers["Retry-After"]) == (409, "2")
    assert first.result().status_code == 201
    assert place(client).get_json() == first.result().get_json()


def test_of_two_requests_at_once_one_places_the_order(
    make_client: Callable[[], FlaskClient],
    client: FlaskClient,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    statuses: Callable[[], list[str]],
) -> None:
    both, store = Barrier(2), checkout.store

    def store_at_once(*args: Any) -> Order:
        both.wait(10)
        return store(*args)

    monkeypatch.setattr(checkout, "store", store_at_once)
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(place, make_client()) for _ in range(2)]
    codes = sorted(answer.result().status_code for answer in answers)
    assert codes == [201, 409]
    assert len(provider.charges) == len(statuses()) == 1
    assert place(client).status_code == 201


def test_the_lock_of_a_key_outlasts_the_provider() -> None:
    limits = payments.TIMEOUT.as_dict().values()
    assert checkout.LOCK > timedelta(seconds=sum(seconds for seconds in limits if seconds))


def test_another_constraint_is_not_told_as_in_flight(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store(*_: Any) -> Order:
        item = OrderItem(order_id=uuid.uuid4(), sku="TEA", quantity=1, unit_price=Decimal(1))
        db.session.add(item)
        db.session.commit()
        raise AssertionError("an item without an order was stored")

    monkeypatch.setattr(checkout, "store", store)
    response = place(client)
    assert response.status_code == 409
    assert "in flight" not in response.get_json()["detail"]


def test_a_cancelled_order_is_refunded_even_if_late(
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
