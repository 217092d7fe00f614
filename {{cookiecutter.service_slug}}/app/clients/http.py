"""How this service calls others: what it knows of the request goes with the call."""

import httpx

from app.context import get_context
{% if cookiecutter.tracing != "none" %}
from app.observability.tracing.http import TracingTransport
{% endif %}


def make_client(timeout: httpx.Timeout) -> httpx.Client:
    """Return a client whose requests carry the ids of the request that they are made for."""
    transport = {{ "httpx.HTTPTransport()" if cookiecutter.tracing == "none" else "TracingTransport(httpx.HTTPTransport())" }}
    return httpx.Client(timeout=timeout, transport=transport, event_hooks={"request": [add_ids]})


def add_ids(request: httpx.Request) -> None:
    """Pass on the ids that came in."""
    context = get_context()
    request.headers.setdefault("X-Request-ID", context.request_id)
    request.headers.setdefault("X-Correlation-ID", context.correlation_id)
