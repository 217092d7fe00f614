import httpx
import respx
from flask import Flask

from app import create_app
from app.clients.http import make_client
from app.config import load_config
from app.context import current_context


def call() -> httpx.Request:
    """Call another service; return what was sent."""
    with respx.mock() as router, make_client(httpx.Timeout(1)) as client:
        route = router.get("https://upstream.example").respond(200)
        client.get("https://upstream.example")
        return route.calls.last.request


def test_a_call_carries_the_ids_of_its_request() -> None:
    app: Flask = create_app(load_config("testing"))

    @app.get("/call")
    def make_call() -> list[str]:
        sent = call().headers
        return [sent["X-Request-ID"], sent["X-Correlation-ID"]]

    headers = {"X-Request-ID": "rid-7", "X-Correlation-ID": "cid-9"}
    assert app.test_client().get("/call", headers=headers).get_json() == ["rid-7", "cid-9"]


def test_outside_of_a_request_it_carries_its_own() -> None:
    assert call().headers["X-Request-ID"] == current_context.request_id
