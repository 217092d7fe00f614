"""Authentication, scopes and Idempotency-Keys of callers."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clients import payments

ORDER = {"currency": "EUR", "items": [{"sku": "TEA", "quantity": 2, "unit_price": "9.99"}]}


def test_request_without_credentials_is_rejected(app: Flask) -> None:
    response = app.test_client().post("/orders/", json=ORDER)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"]
    assert response.mimetype == "application/problem+json"


def test_writing_requires_the_write_scope(sign_in: Callable[..., FlaskClient]) -> None:
    response = sign_in("eve@example.com", scopes="orders:read").post("/orders/", json=ORDER)
    assert response.status_code == 403
    assert "orders:write" in response.get_json()["detail"]


def test_idempotency_keys_of_two_callers_do_not_collide(
    sign_in: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    charged = []

    def charge(order_id: object, *_: object) -> str:
        charged.append(order_id)
        return "ch"

    monkeypatch.setattr(payments, "charge", charge)
    placed = [
        sign_in(name).post("/orders/", json=ORDER, headers={"Idempotency-Key": "mine"})
        for name in ("ada@example.com", "eve@example.com")
    ]
    assert [response.status_code for response in placed] == [201, 201]
    assert len(set(charged)) == 2
    assert placed[0].get_json()["id"] != placed[1].get_json()["id"]


def test_openapi_documents_the_required_scopes(client: FlaskClient) -> None:
    operations = client.get("/openapi.json").get_json()["paths"]["/orders/"]
    assert all(scope == ["orders:write"] for scope in operations["post"]["security"][0].values())
    assert {"401", "403"} <= set(operations["post"]["responses"])
