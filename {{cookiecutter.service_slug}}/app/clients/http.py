"""HTTP client for other services: propagates the request's ids and bounds each response."""

import json
from time import monotonic
from typing import Any

import httpx

from app.clients.transport import make_transport
from app.observability.record import get_record

# Limits on a response's body, in bytes and seconds: httpx limits only the time between two chunks.
MAX_RESPONSE = 64 * 1024
MAX_SECONDS = 5


def make_client(timeout: httpx.Timeout) -> httpx.Client:
    """Return a client that sends the ids of the current request with each call."""
    # Accept no compression (RFC 9110, section 12.5.3): a few bytes of gzip expand to gigabytes.
    headers = {"Accept-Encoding": ""}
    hooks = {"request": [add_ids]}
    return httpx.Client(
        timeout=timeout, transport=make_transport(), headers=headers, event_hooks=hooks
    )


def read_json(response: httpx.Response) -> Any:
    """Return the JSON body of a streamed response.

    Raise `ValueError` if it is too long or not JSON, `httpx.ReadTimeout` if it is too slow.
    """
    body = bytearray()
    deadline = monotonic() + MAX_SECONDS
    for chunk in response.iter_raw():
        body += chunk
        if monotonic() > deadline:
            raise httpx.ReadTimeout(f"more than {MAX_SECONDS} seconds", request=response.request)
        if len(body) > MAX_RESPONSE:
            raise ValueError(f"more than {MAX_RESPONSE} bytes")
    try:
        return json.loads(body.decode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def add_ids(request: httpx.Request) -> None:
    """Add the ids of the current request, unless the caller has set them."""
    record = get_record()
    request.headers.setdefault("X-Request-ID", record.request_id)
    request.headers.setdefault("X-Correlation-ID", record.correlation_id)
