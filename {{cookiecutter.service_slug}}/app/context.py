"""What is known of the request being served, anywhere in the code that serves it."""

import re
import uuid
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Anything else could forge a log line or a header.
ACCEPTABLE_REQUEST_ID = re.compile(r"[A-Za-z0-9._=+/-]{1,128}")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """`request_id` identifies the request in responses and logs, across services."""

    request_id: str


_context: ContextVar[RequestContext] = ContextVar("request_context")
current_context: RequestContext = LocalProxy(_context)  # type: ignore[assignment]


def init_context(app: Flask) -> None:
    """Give each request its context."""
    app.wsgi_app = RequestContextMiddleware(app.wsgi_app)  # type: ignore[method-assign]


class RequestContextMiddleware:
    """Opens a `RequestContext` for each request and names it in the response's `X-Request-ID`.

    A client's own id is kept when it is sane, so that one id follows a call through the fleet.
    """

    def __init__(self, wsgi_app: "WSGIApplication") -> None:
        self.wsgi_app = wsgi_app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request_id = environ.get("HTTP_X_REQUEST_ID", "")
        if not ACCEPTABLE_REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        _context.set(RequestContext(request_id))

        def start_with_id(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, ("X-Request-ID", request_id)], *exc_info)

        return self.wsgi_app(environ, start_with_id)
