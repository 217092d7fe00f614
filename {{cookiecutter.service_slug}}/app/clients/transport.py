"""HTTP transport of calls to other services."""

import httpx


def make_transport() -> httpx.BaseTransport:
    """Return httpx's own transport."""
    return httpx.HTTPTransport()
