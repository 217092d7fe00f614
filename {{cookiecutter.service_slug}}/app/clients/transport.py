"""The transport of calls to other services."""

import httpx


def make_transport() -> httpx.BaseTransport:
    return httpx.HTTPTransport()
