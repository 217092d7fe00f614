"""How this service calls others: what it knows of the request goes with the call."""

import json
from time import monotonic
from typing import Any

import httpx

from app.clients.transport import make_transport
from app.observability.record import get_record

# Bytes of a response's body, and seconds that reading it may take; a client's timeout is for each
# piece of it.
MAX_RESPONSE = 64 * 1024
MAX_SECONDS = 5


def make_client(timeout: httpx.Timeout) -> httpx.Client:
    """Return a client whose requests carry the ids of the request that they are made for."""
    # Uncompressed (RFC 9110, section 12.5.3), so that what is read is bounded: a few bytes of gzip
    # expand to gigabytes.
    headers = {"Accept-Encoding": ""}
    hooks = {"request": [add_ids]}
    return httpx.Client(
        timeout=timeout, transport=make_transport(), headers=headers, event_hooks=hooks
    )


def read_json(response: httpx.Response) -> Any:
    """Read the body of a streamed response.

    Raises `ValueError` for one too long or not JSON, `httpx.ReadTimeout` for one too slow.
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
        raise ValueError("nested too deep") from error


def add_ids(request: httpx.Request) -> None:
    """Pass on the ids that came in."""
    record = get_record()
    request.headers.setdefault("X-Request-ID", record.request_id)
    request.headers.setdefault("X-Correlation-ID", record.correlation_id)
