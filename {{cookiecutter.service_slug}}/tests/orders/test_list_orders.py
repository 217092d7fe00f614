import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from app.extensions import db

ITEMS = [
    {"sku": "TEA-100", "quantity": 2, "unit_price": "9.99"},
    {"sku": "CUP", "quantity": 1, "unit_price": "4.50"},
]


def place(client: FlaskClient) -> str:
    response = client.post("/orders/", json={"currency": "EUR", "items": ITEMS})
    return str(response.headers["Location"])


def test_the_location_of_an_order_returns_it(client: FlaskClient) -> None:
    placed = client.post("/orders/", json={"currency": "EUR", "items": ITEMS})
    found = client.get(placed.headers["Location"])
    assert found.status_code == 200
    assert found.get_json() == placed.get_json()


@pytest.mark.parametrize("name", [str(uuid.UUID(int=7)), "7", "%00"])
def test_an_unknown_order_is_not_found(client: FlaskClient, name: str) -> None:
    response = client.get(f"/orders/{name}")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"


def test_the_pages_list_every_order_once_newest_first(client: FlaskClient) -> None:
    placed = [place(client) for _ in range(5)]
    listed, cursor = [], ""
    while cursor is not None:
        page = client.get("/orders/", query_string={"limit": 2, "cursor": cursor or None})
        listed += [f"/orders/{order['id']}" for order in page.get_json()["orders"]]
        cursor = page.get_json()["next"]
        place(client)  # a new order must not shift the following pages
    assert listed == placed[::-1]


def test_paging_misses_no_order_while_others_are_placed(
    make_client: Callable[[], FlaskClient], client: FlaskClient
) -> None:
    before = {place(client) for _ in range(12)}
    stop = Event()

    def place_continuously() -> None:
        while not stop.is_set():
            place(make_client())

    with ThreadPoolExecutor() as pool:
        pool.submit(place_continuously)
        listed: list[str] = []
        page = client.get("/orders/", query_string={"limit": 3}).get_json()
        while True:
            listed += [f"/orders/{order['id']}" for order in page["orders"]]
            if page["next"] is None:
                break
            query = {"limit": 3, "cursor": page["next"]}
            page = client.get("/orders/", query_string=query).get_json()
        stop.set()
    assert len(listed) == len(set(listed))
    assert before <= set(listed)


def test_an_empty_list_has_no_next_page(client: FlaskClient) -> None:
    assert client.get("/orders/").get_json() == {"orders": [], "next": None}


def test_the_number_of_queries_is_independent_of_the_page_size(client: FlaskClient) -> None:
    statements: list[str] = []
    with client.application.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    def count_queries(limit: int) -> int:
        statements.clear()
        client.get("/orders/", query_string={"limit": limit})
        return len([sql for sql in statements if sql.startswith("SELECT order")])

    for _ in range(6):
        place(client)
    assert count_queries(limit=1) == count_queries(limit=6) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "many"),
        ("cursor", "zzz"),
        ("cursor", urlsafe_b64encode(b"9999-12-31T23:59:59-23:00 x").decode()),
        ("cursor", urlsafe_b64encode(b"\xff").decode()),
    ],
)
def test_an_invalid_parameter_is_named(client: FlaskClient, name: str, value: str) -> None:
    response = client.get("/orders/", query_string={name: value})
    assert response.status_code == 422
    assert [error["parameter"] for error in response.get_json()["errors"]] == [name]
