"""Concurrent changes do not overwrite each other, and statuses change only as allowed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.orders import changes

ORDER = {"currency": "EUR", "items": [{"sku": "TEA", "quantity": 2, "unit_price": "9.99"}]}


@pytest.fixture
def placed(client: FlaskClient) -> TestResponse:
    return client.post("/orders/", json=ORDER)


def patch(client: FlaskClient, placed: TestResponse, **changes: Any) -> TestResponse:
    headers = {"If-Match": placed.headers["ETag"]}
    return client.patch(f"/orders/{placed.get_json()['id']}", json=changes, headers=headers)


def test_get_and_post_return_the_same_etag(client: FlaskClient, placed: TestResponse) -> None:
    found = client.get(placed.headers["Location"])
    assert found.headers["ETag"] == placed.headers["ETag"]
    headers = {"If-None-Match": found.headers["ETag"]}
    assert client.get(placed.headers["Location"], headers=headers).status_code == 304


@pytest.mark.parametrize("form", ["W/{}", "W/{}, {}"])
def test_an_etag_weakened_by_a_proxy_matches(
    client: FlaskClient, placed: TestResponse, form: str
) -> None:
    etag = placed.headers["ETag"]
    headers = {"If-None-Match": form.format(etag, etag)}
    assert client.get(placed.headers["Location"], headers=headers).status_code == 304
    headers = {"If-Match": form.format(etag, etag)}
    body = {"reference": "PO 8"}
    assert client.patch(placed.headers["Location"], json=body, headers=headers).status_code == 200
    assert client.patch(placed.headers["Location"], json=body, headers=headers).status_code == 412


def test_openapi_documents_the_required_if_match(client: FlaskClient) -> None:
    spec = client.get("/openapi.json").get_json()
    for operation in ("patch", "delete"):
        described = spec["paths"]["/orders/{order_id}"][operation]
        (parameter,) = described["parameters"]
        header = spec["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
        assert (header["name"], header["required"]) == ("If-Match", True)
        assert {"412", "428"} <= set(described["responses"])


def test_an_order_is_changed(client: FlaskClient, placed: TestResponse) -> None:
    changed = patch(client, placed, reference="PO 7", status="shipped")
    assert changed.status_code == 200
    assert (changed.get_json()["reference"], changed.get_json()["status"]) == ("PO 7", "shipped")
    assert changed.headers["ETag"] != placed.headers["ETag"]
    assert patch(client, changed, reference=None).get_json()["reference"] is None


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_if_match_is_required(client: FlaskClient, placed: TestResponse, method: str) -> None:
    response = client.open(placed.headers["Location"], method=method, json={"reference": "x"})
    assert response.status_code == 428


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_outdated_etag_is_rejected(
    client: FlaskClient, placed: TestResponse, method: str
) -> None:
    assert patch(client, placed, reference="first").status_code == 200
    headers = {"If-Match": placed.headers["ETag"]}
    response = client.open(
        placed.headers["Location"], method=method, json={"reference": "second"}, headers=headers
    )
    assert response.status_code == 412
    assert client.get(placed.headers["Location"]).get_json()["reference"] == "first"


def test_one_of_two_concurrent_changes_is_stored(
    make_client: Callable[[], FlaskClient],
    client: FlaskClient,
    placed: TestResponse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both, change = Barrier(2), changes.change_order

    def change_concurrently(*args: Any) -> Any:
        both.wait(10)  # both have read the order, and both ETags matched
        return change(*args)

    monkeypatch.setattr(changes, "change_order", change_concurrently)
    with ThreadPoolExecutor() as pool:
        responses = [
            pool.submit(patch, make_client(), placed, reference=name) for name in ("one", "two")
        ]
    results = [response.result() for response in responses]
    stored = [r.get_json()["reference"] for r in results if r.status_code == 200]
    assert sorted(r.status_code for r in results) == [200, 412]
    assert [client.get(placed.headers["Location"]).get_json()["reference"]] == stored


def test_a_cancelled_order_stays_cancelled(client: FlaskClient, placed: TestResponse) -> None:
    headers = {"If-Match": placed.headers["ETag"]}
    cancelled = client.delete(placed.headers["Location"], headers=headers)
    assert (cancelled.status_code, cancelled.data) == (204, b"")
    found = client.get(placed.headers["Location"])
    assert found.get_json()["status"] == "cancelled"
    assert patch(client, found, status="shipped").status_code == 409


def test_a_shipped_order_cannot_be_cancelled(client: FlaskClient, placed: TestResponse) -> None:
    shipped = patch(client, placed, status="shipped")
    headers = {"If-Match": shipped.headers["ETag"]}
    assert client.delete(placed.headers["Location"], headers=headers).status_code == 409


@pytest.mark.parametrize("changes", [{"status": "paid"}, {"total": "0.01"}, {"reference": "\x00"}])
def test_other_changes_are_rejected(
    client: FlaskClient, placed: TestResponse, changes: dict[str, str]
) -> None:
    assert patch(client, placed, **changes).status_code == 422
