"""Users can neither access the orders of other users nor detect them."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.auth.identity import Identity
from app.extensions import db
from app.orders import checkout
from app.orders.models import Order
from app.orders.schemas import OrderSchema

ORDER = {"currency": "EUR", "items": [{"sku": "TEA", "quantity": 2, "unit_price": "9.99"}]}


@pytest.fixture
def placed(client: FlaskClient) -> TestResponse:
    return client.post("/orders/", json=ORDER)


@pytest.fixture
def eve(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("eve@example.com")


@pytest.mark.parametrize(
    ("method", "body"), [("GET", None), ("PATCH", {"reference": "mine"}), ("DELETE", None)]
)
def test_order_of_another_user_is_not_found(
    eve: FlaskClient, client: FlaskClient, placed: TestResponse, method: str, body: Any
) -> None:
    headers = {"If-Match": placed.headers["ETag"]}
    existing = eve.open(placed.headers["Location"], method=method, json=body, headers=headers)
    missing = eve.open(f"/orders/{uuid.uuid4()}", method=method, json=body, headers=headers)
    assert existing.status_code == missing.status_code == 404
    assert existing.get_json()["detail"] == missing.get_json()["detail"]
    assert client.get(placed.headers["Location"]).get_json() == placed.get_json()


def test_list_contains_only_the_users_orders(
    eve: FlaskClient, client: FlaskClient, placed: TestResponse
) -> None:
    own = eve.post("/orders/", json=ORDER).get_json()
    assert eve.get("/orders/").get_json()["orders"] == [own]
    assert client.get("/orders/").get_json()["orders"] == [placed.get_json()]


def test_outside_of_a_request_orders_are_of_g_identity_and_need_one(
    app: Flask, client: FlaskClient, placed: TestResponse
) -> None:
    with app.app_context():
        owner = db.session.scalars(select(Order.owner_id)).one()
        # Created before the service had users.
        db.session.add(Order(currency="EUR", total=Decimal(1), owner_id=None))
        db.session.commit()
        assert db.session.scalars(Order.visible()).all() == []
        with pytest.raises(LookupError, match=r"g\.identity"):
            checkout.place_order(OrderSchema().load(ORDER), uuid.uuid4())
        g.identity = Identity(str(owner), frozenset())
        created = checkout.place_order(OrderSchema().load(ORDER), uuid.uuid4())
        db.session.commit()
    visible = client.get("/orders/").get_json()["orders"]
    assert [order["id"] for order in visible] == [str(created.id), placed.get_json()["id"]]


@pytest.mark.parametrize("field", ["owner_id", "owner", "id", "status", "total", "charge_id"])
def test_read_only_field_is_rejected(client: FlaskClient, field: str) -> None:
    response = client.post("/orders/", json={**ORDER, field: str(uuid.uuid4())})
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["pointer"] == f"#/{field}"
