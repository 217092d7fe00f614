from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

TEA = {"sku": "TEA-100", "quantity": 2, "unit_price": "9.99"}


def place(client: FlaskClient, **changes: Any) -> TestResponse:
    return client.post("/orders/", json={"currency": "EUR", "items": [TEA], **changes})


def test_an_order_has_a_total(client: FlaskClient) -> None:
    response = place(client, items=[TEA, {"sku": "CUP", "quantity": 3, "unit_price": "0.1"}])
    assert response.status_code == 201
    assert response.get_json()["total"] == "20.28"
    assert [item["unit_price"] for item in response.get_json()["items"]] == ["9.99", "0.10"]


def test_a_price_sent_as_a_number_is_exact(client: FlaskClient) -> None:
    body = '{"currency": "EUR", "items": [{"sku": "A", "quantity": 3, "unit_price": 0.1}]}'
    response = client.post("/orders/", data=body, content_type="application/json")
    assert response.get_json()["total"] == "0.30"


def test_a_negative_zero_is_zero(client: FlaskClient) -> None:
    body = '{"currency": "EUR", "items": [{"sku": "A", "quantity": 1, "unit_price": -0.0}]}'
    response = client.post("/orders/", data=body, content_type="application/json")
    assert (response.status_code, response.get_json()["total"]) == (201, "0.00")
    assert response.get_json()["items"][0]["unit_price"] == "0.00"


def test_the_length_of_a_list_is_validated_before_its_items(client: FlaskClient) -> None:
    response = place(client, items=[{}] * 101)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.get_json()["errors"]] == ["#/items"]


def test_a_problem_lists_twenty_errors_and_counts_the_rest(client: FlaskClient) -> None:
    response = place(client, items=[{}] * 100)
    problem = response.get_json()
    assert (response.status_code, len(problem["errors"])) == (422, 20)
    assert problem["detail"] == "Errors not listed: 280."
    assert len(response.data) < 10_000


@pytest.mark.parametrize(("currency", "price"), [("JPY", "100"), ("EUR", "1.25"), ("KWD", "0.125")])
def test_amounts_have_the_decimal_places_of_their_currency(
    client: FlaskClient, currency: str, price: str
) -> None:
    response = place(
        client, currency=currency, items=[{"sku": "A", "quantity": 1, "unit_price": price}]
    )
    assert response.get_json()["total"] == price


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"currency": "euro"}, "#/currency"),
        ({"currency": None}, "#/currency"),
        ({"items": []}, "#/items"),
        ({"items": [TEA] * 101}, "#/items"),
        ({"items": ["tea"]}, "#/items/0"),
        ({"items": [{**TEA, "quantity": 0}]}, "#/items/0/quantity"),
        ({"items": [{**TEA, "quantity": 1.5}]}, "#/items/0/quantity"),
        ({"items": [{**TEA, "quantity": True}]}, "#/items/0/quantity"),
        ({"items": [TEA, {**TEA, "unit_price": "-1"}]}, "#/items/1/unit_price"),
        ({"items": [{**TEA, "unit_price": "9.999"}]}, "#/items/0/unit_price"),
        ({"items": [{**TEA, "unit_price": "1e999999999"}]}, "#/items/0/unit_price"),
        ({"items": [{**TEA, "unit_price": "1e-999999999"}]}, "#/items/0/unit_price"),
        ({"items": [{**TEA, "unit_price": "NaN"}]}, "#/items/0/unit_price"),
        ({"items": [{**TEA, "sku": "tea\n"}]}, "#/items/0/sku"),
        ({"total": "0.01"}, "#/total"),
    ],
)
def test_an_invalid_field_is_named(
    client: FlaskClient, changes: dict[str, Any], pointer: str
) -> None:
    response = place(client, **changes)
    assert response.status_code == 422
    assert response.mimetype == "application/problem+json"
    assert [error["pointer"] for error in response.get_json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"n": NaN}',
        b"[" * 50_000,
        b"9" * 5_000,
        b"1e9999999999999999999",
        '{"currency": "EUR"}'.encode("utf-16"),
    ],
)
def test_a_body_that_is_not_json_is_rejected(client: FlaskClient, body: bytes) -> None:
    response = client.post("/orders/", data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"


def test_another_content_type_is_rejected(client: FlaskClient) -> None:
    assert client.post("/orders/", data="{}").status_code == 415


def test_a_body_over_the_limit_is_rejected(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.application.config, "MAX_CONTENT_LENGTH", 10)
    assert place(client).status_code == 413
