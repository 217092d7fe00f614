"""The record of the request being served: opened and closed here, and read wherever it is served.

Request hooks log and measure each request by it; other code reads it from `current_context`.
"""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from random import getrandbits
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from flask import Flask
from werkzeug.local import LocalProxy

from app.flask_app import PROBE_PATHS, AppState

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Anything else could forge a log line or a header.
is_acceptable_id = re.compile(r"[A-Za-z0-9._=+/-]{1,128}").fullmatch

# Of RFC 9110 and RFC 5789; whatever else a client makes up is one and the same.
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

logger = logging.getLogger(__name__)


class RequestRecord:
    """What is known of a request; outside of one, of the command or thread that runs.

    `request_id` names this request, and `correlation_id` all requests that a client's one led to;
    `ids` are what leads from one place where it is mentioned to all the others. `fields` are the
    service's own: what is put there is in each log line from then on. `headers` are its response's.
    """

    # False for a probe, and for a scrape of the metrics.
    is_recorded = True

    # Known once it is answered: the route's template ("" where none matched), bytes, seconds.
    route = ""
    endpoint = ""
    status = 0
    size = 0
    duration = 0.0

    def __init__(self, request_id: str, correlation_id: str, environ: "WSGIEnvironment") -> None:
        self.request_id = request_id
        self.correlation_id = correlation_id
        self.ids = {"request_id": request_id, "correlation_id": correlation_id}
        self.headers: list[tuple[str, str]] = []
        self.environ = environ
        method: str = environ.get("REQUEST_METHOD", "")
        self.method = method if method in METHODS else "_OTHER"
        self.fields: dict[str, Any] = {}
        self.started = perf_counter()

    @property
    def path(self) -> str:
        # WSGI decodes the path's bytes as Latin-1 (PEP 3333).
        path = cast("str", self.environ.get("PATH_INFO", ""))
        return path if path.isascii() else path.encode("latin-1").decode(errors="replace")


# A hook called with a request's record.
RequestHook: TypeAlias = Callable[[RequestRecord], None]

_context: ContextVar[RequestRecord | None] = ContextVar("request_context", default=None)
# A forked worker's own lines carry an id of its own, not that of the process it comes from.
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=lambda: _context.set(None))


def get_record() -> RequestRecord:
    """Return the request's context; outside of a request, one for whatever runs instead."""
    context = _context.get()
    if context is None:
        made = new_id()
        context = RequestRecord(made, made, {})
        _context.set(context)
    return context


current_context: RequestRecord = LocalProxy(get_record)  # type: ignore[assignment]


def new_id() -> str:
    return f"{getrandbits(128):032x}"


class RequestRecorder:
    """Opens a `RequestRecord` for each request, and closes it when the response is sent.

    A client's own X-Request-ID and X-Correlation-ID are kept when they are sane, so that one id
    follows a call through the fleet.
    """

    def __init__(self, wsgi_app: "WSGIApplication") -> None:
        self.wsgi_app = wsgi_app
        # Of every response that has none of the name.
        self.headers: dict[str, str] = {}
        self.openers: list[RequestHook] = []
        self.closers: list[RequestHook] = []
        self.on_failure: Callable[[str], None] | None = None
        self.unrecorded = set(PROBE_PATHS)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request_id = environ.get("HTTP_X_REQUEST_ID")
        if request_id is None or not is_acceptable_id(request_id):
            request_id = new_id()
        correlation_id = environ.get("HTTP_X_CORRELATION_ID")
        if correlation_id is None or not is_acceptable_id(correlation_id):
            correlation_id = None

        context = RequestRecord(request_id, correlation_id or request_id, environ)
        context.headers.append(("X-Request-ID", request_id))
        if correlation_id:
            context.headers.append(("X-Correlation-ID", correlation_id))
        if environ.get("PATH_INFO") in self.unrecorded and context.method in ("GET", "HEAD"):
            context.is_recorded = False
        _context.set(context)

        def start_recorded(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            context.status = int(status[:3])
            # The request as Flask has routed it; it forgets it before the response is sent.
            request = environ.get("werkzeug.request")
            if request is not None and request.url_rule is not None:
                context.route = request.url_rule.rule
                context.endpoint = request.url_rule.endpoint
            add_missing(headers, self.headers)
            headers += context.headers
            return start_response(status, headers, *exc_info)

        try:
            self.run(self.openers, context)
            body = self.wsgi_app(environ, start_recorded)
        except BaseException:
            context.status = 500
            self.close(context)
            raise
        return RecordedBody(body, context, self)

    def run(self, hooks: list[RequestHook], context: RequestRecord) -> None:
        """Call each of `hooks`; one that raises costs neither the request nor the other hooks."""
        for hook in hooks:
            try:
                hook(context)
            except Exception:
                name = getattr(hook, "__qualname__", repr(hook))
                if self.on_failure:
                    self.on_failure(name)
                logger.exception("The request hook %s failed.", name)

    def close(self, context: RequestRecord) -> None:
        """Complete the record, and call the hooks with it."""
        context.duration = perf_counter() - context.started
        try:
            self.run(self.closers, context)
        finally:
            _context.set(None)


def add_missing(headers: list[tuple[str, str]], defaults: dict[str, str]) -> None:
    """Add each of `defaults` that `headers` has no header of."""
    for name, _ in headers:
        if name in defaults:
            defaults = {other: defaults[other] for other in defaults if other != name}
    headers += defaults.items()


class RecordedBody:
    """A response's body, which closes the record when the server has sent it."""

    def __init__(
        self, body: Iterable[bytes], context: RequestRecord, middleware: RequestRecorder
    ) -> None:
        self.body = body
        self.context = context
        self.middleware = middleware

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.body:
            self.context.size += len(chunk)
            yield chunk

    def close(self) -> None:
        try:
            if hasattr(self.body, "close"):
                self.body.close()
        finally:
            self.middleware.close(self.context)


recorder = AppState[RequestRecorder]("request_recorder")


def init_records(app: Flask) -> None:
    """Open a record with each request, and close it when the response is sent."""
    middleware = RequestRecorder(app.wsgi_app)
    recorder.set(app, middleware)
    app.wsgi_app = middleware  # type: ignore[method-assign]


def on_open(app: Flask, hook: RequestHook) -> None:
    """Call `hook` with the record of each request when it begins."""
    recorder.get(app).openers.append(hook)


def on_close(app: Flask, hook: RequestHook) -> None:
    """Call `hook` with the record of each request when its response is sent."""
    recorder.get(app).closers.append(hook)


def on_failure(app: Flask, callback: Callable[[str], None]) -> None:
    """Call `callback` with the name of each hook that raises."""
    recorder.get(app).on_failure = callback


def exclude_from_log(app: Flask, path: str) -> None:
    """Measure the GET requests for `path`, but neither log nor limit them."""
    recorder.get(app).unrecorded.add(path)


def set_default_headers(app: Flask, headers: dict[str, str]) -> None:
    """Add each of `headers` to every response that does not set its own."""
    recorder.get(app).headers = headers
