import gzip
from collections.abc import Iterator

import httpx
import pytest
import respx
from flask import Flask

from app import create_app
from app.clients import http
from app.clients.http import make_client, read_json
from app.config import load_config
from app.observability.record import current_context


def send_request() -> httpx.Request:
    """Call another service and return the request it receives."""
    with respx.mock() as router, make_client(httpx.Timeout(1)) as client:
        route = router.get("https://upstream.example").respond(200)
        client.get("https://upstream.example")
        return route.calls.last.request


def test_a_call_carries_the_ids_of_the_current_request() -> None:
    app: Flask = create_app(load_config("testing"))

    @app.get("/call")
    def make_call() -> list[str]:
        sent = send_request().headers
        return [sent["X-Request-ID"], sent["X-Correlation-ID"]]

    headers = {"X-Request-ID": "rid-7", "X-Correlation-ID": "cid-9"}
    assert app.test_client().get("/call", headers=headers).get_json() == ["rid-7", "cid-9"]


def test_outside_a_request_a_call_has_a_new_request_id() -> None:
    assert send_request().headers["X-Request-ID"] == current_context.request_id


class Drip(httpx.SyncByteStream):
    """Endless body that sends one byte at a time."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b" "


def test_an_endless_response_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    response = httpx.Response(200, stream=Drip(), request=httpx.Request("GET", "http://x"))
    with pytest.raises(ValueError, match="more than 65536 bytes"):
        read_json(response)
    monkeypatch.setattr(http, "MAX_SECONDS", 0)
    response = httpx.Response(200, stream=Drip(), request=httpx.Request("GET", "http://x"))
    with pytest.raises(httpx.ReadTimeout):
        read_json(response)


def test_a_response_is_not_decompressed() -> None:
    assert send_request().headers["Accept-Encoding"] == ""
    bomb = gzip.compress(b" " * 1_000_000)
    response = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(bomb)
    )
    with pytest.raises(ValueError, match="decode"):
        read_json(response)
