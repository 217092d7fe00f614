"""Record of the current request, open from its arrival until its response is sent.

Request hooks log and measure each request by its record; other code calls `get_record`, or reads
`current_context`, which stands for the record that `get_record` returns at that time.
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

from app.flask_app import PROBE_PATHS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Other characters could forge log lines or headers.
is_acceptable_id = re.compile(r"[A-Za-z0-9._=+/-]{1,128}").fullmatch

# Methods of RFC 9110 and RFC 5789; every other one is recorded as _OTHER.
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

logger = logging.getLogger(__name__)


class RequestRecord:
    """Data of one request; outside a request, of the running command or thread.

    `request_id` identifies this request, `correlation_id` all requests that serve the same client
    request. `ids` are added to log lines and error responses, `fields` to all later log lines of
    the request, and `headers` to its response.
    """

    # True for probes and scrapes of the metrics, which are only measured.
    is_probe = False

    # Set when the response starts: the matched URL rule and endpoint ("" if none), and the status.
    route = ""
    endpoint = ""
    status = 0
    # Set when the response has been sent: bytes of its body, and seconds since the request began.
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
        # WSGI decodes the path's bytes as Latin-1 (PEP 3333).
        path: str = environ.get("PATH_INFO", "")
        self.path = path if path.isascii() else path.encode("latin-1").decode(errors="replace")
        self.fields: dict[str, Any] = {}
        self.started = perf_counter()


# A hook called with a request's record.
RequestHook: TypeAlias = Callable[[RequestRecord], None]

_current: ContextVar[RequestRecord | None] = ContextVar("request_record", default=None)
# Outside requests, a forked worker logs under its own id, not under the master's.
os.register_at_fork(after_in_child=lambda: _current.set(None))


def get_record() -> RequestRecord:
    """Return the record of the request; outside a request, of the running command or thread."""
    record = _current.get()
    if record is None:
        request_id = new_id()
        record = RequestRecord(request_id, request_id, {})
        _current.set(record)
    return record


current_context: RequestRecord = LocalProxy(get_record)  # type: ignore[assignment]


def new_id() -> str:
    """Return a random id of 128 bits in hexadecimal."""
    return f"{getrandbits(128):032x}"


class RequestRecorder:
    """WSGI middleware that opens a `RequestRecord` per request and closes it with the response.

    The client's X-Request-ID and X-Correlation-ID are kept if valid, so that one id follows a
    request through several services.
    """

    def __init__(self, wsgi_app: "WSGIApplication") -> None:
        self.wsgi_app = wsgi_app
        # Defaults, for responses that do not set them.
        self.headers: dict[str, str] = {}
        self.openers: list[RequestHook] = []
        self.closers: list[RequestHook] = []
        self.on_failure: Callable[[str], None] | None = None
        self.probe_paths = set(PROBE_PATHS)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request_id = environ.get("HTTP_X_REQUEST_ID")
        if request_id is None or not is_acceptable_id(request_id):
            request_id = new_id()
        correlation_id = environ.get("HTTP_X_CORRELATION_ID")
        if correlation_id is None or not is_acceptable_id(correlation_id):
            correlation_id = None

        record = RequestRecord(request_id, correlation_id or request_id, environ)
        record.headers.append(("X-Request-ID", request_id))
        if correlation_id:
            record.headers.append(("X-Correlation-ID", correlation_id))
        if environ.get("PATH_INFO") in self.probe_paths and record.method in ("GET", "HEAD"):
            record.is_probe = True
        _current.set(record)

        def start_recorded(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            record.status = int(status[:3])
            # Read now: Flask removes its request before the response is sent.
            request = environ.get("werkzeug.request")
            if request is not None and request.url_rule is not None:
                record.route = request.url_rule.rule
                record.endpoint = request.url_rule.endpoint
            add_missing(headers, self.headers)
            headers += record.headers
            return start_response(status, headers, *exc_info)

        try:
            self.run_hooks(self.openers, record)
            body = self.wsgi_app(environ, start_recorded)
        except BaseException:
            record.status = 500
            self.close(record)
            raise
        return RecordedBody(body, record, self)

    def run_hooks(self, hooks: list[RequestHook], record: RequestRecord) -> None:
        """Call each hook; one that raises fails neither the request nor the other hooks."""
        for hook in hooks:
            try:
                hook(record)
            except Exception:
                name = getattr(hook, "__qualname__", repr(hook))
                if self.on_failure:
                    self.on_failure(name)
                logger.exception("The request hook %s failed.", name)

    def close(self, record: RequestRecord) -> None:
        """Complete the record, and call the hooks of `on_close`."""
        record.duration = perf_counter() - record.started
        try:
            self.run_hooks(self.closers, record)
        finally:
            _current.set(None)


def add_missing(headers: list[tuple[str, str]], defaults: dict[str, str]) -> None:
    """Add each header of `defaults` that `headers` does not have."""
    for name, _ in headers:
        if name in defaults:
            defaults = {other: defaults[other] for other in defaults if other != name}
    headers += defaults.items()


class RecordedBody:
    """Response body that closes the record when the server has sent it."""

    def __init__(
        self, body: Iterable[bytes], record: RequestRecord, middleware: RequestRecorder
    ) -> None:
        self.body = body
        self.record = record
        self.middleware = middleware

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.body:
            self.record.size += len(chunk)
            yield chunk

    def close(self) -> None:
        try:
            if hasattr(self.body, "close"):
                self.body.close()
        finally:
            self.middleware.close(self.record)


def init_records(app: Flask) -> None:
    """Record the requests of the application."""
    recorder = RequestRecorder(app.wsgi_app)
    app.extensions["request_recorder"] = recorder
    app.wsgi_app = recorder  # type: ignore[method-assign]


def get_recorder(app: Flask) -> RequestRecorder:
    """Return the application's middleware."""
    return cast("RequestRecorder", app.extensions["request_recorder"])


def on_open(app: Flask, hook: RequestHook) -> None:
    """Call `hook` with the record of each request when it begins."""
    get_recorder(app).openers.append(hook)


def on_close(app: Flask, hook: RequestHook) -> None:
    """Call `hook` with the record of each request when its response is sent."""
    get_recorder(app).closers.append(hook)


def on_failure(app: Flask, callback: Callable[[str], None]) -> None:
    """Call `callback` with the name of each hook that raises."""
    get_recorder(app).on_failure = callback


def add_probe_path(app: Flask, path: str) -> None:
    """Treat GET requests for `path` as probes: measure them, but do not log or limit them."""
    get_recorder(app).probe_paths.add(path)


def set_default_headers(app: Flask, headers: dict[str, str]) -> None:
    """Add each of `headers` to every response that does not set its own."""
    get_recorder(app).headers = headers
