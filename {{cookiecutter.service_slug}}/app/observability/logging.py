"""Logging: one JSON object per line in production, plain text in development.

Every line, including those of libraries, has the ids of the current request. The JSON is a mozlog
envelope (https://wiki.mozilla.org/Firefox/Services/Logging); each request is logged as Dockerflow's
request.summary (https://python-dockerflow.readthedocs.io/).
"""

import contextlib
import json
import logging
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from dockerflow.logging import MozlogFormatter
from flask import Flask

from app.observability.metrics import LOG_LINES_LOST
from app.observability.record import RequestRecord, get_record, on_close
from app.version import SERVICE

if TYPE_CHECKING:
    from app.config import Config

summary = logging.getLogger("request.summary")

# They log the URL of each request that they send.
NOISY_LOGGERS = ("httpx", "httpcore")

REDACTED = "[redacted]"
is_secret = re.compile(
    r"(?i).*(authorization|cookie|password|secret|credential|api_?key|token)"
).match
SECRETS = re.compile(
    r"(?i)"
    r"(?P<header>\b(?:authorization|cookie)['\"]?\s*[:=]\s*).+"  # to the end of its line
    r"|(?P<value>(?:password|secret|api_?key|token)\w*['\"]?\s*[:=]\s*)[^\s,;&]+"
    r"|(?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"  # RFC 6750, RFC 7617
    r"|(?P<user>://)[^\s/@]+(?=@)"  # RFC 3986, section 3.2.1: a token may be the user's name
)


def redact(text: str) -> str:
    """Return `text` with recognized passwords, keys and tokens replaced."""
    return SECRETS.sub(lambda match: f"{match[match.lastgroup or 0]}{REDACTED}", text)


class JsonFormatter(MozlogFormatter):
    """Formatter that writes one mozlog object per line."""

    def format(self, record: logging.LogRecord) -> str:
        line = self.convert_record(record)
        request = get_record()
        fields = {"rid": request.request_id, **request.ids}
        fields |= {**request.fields, **line["Fields"]}
        # Dockerflow omits a message that looks like JSON, and the cause of an exception.
        fields["msg"] = record.getMessage()
        if record.name == summary.name:  # as in `format_request`
            del fields["msg"]
        if record.exc_info:
            fields["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        redacted = {name: redact_field(name, value) for name, value in fields.items()}
        return encode({**line, "Fields": redacted}).decode().rstrip()

    def format_request(self, request: RequestRecord) -> bytes:
        """Return the summary line of a request, without creating a `LogRecord`."""
        return encode(
            {
                "Timestamp": time.time_ns(),
                "Type": summary.name,
                "Logger": self.logger_name,
                "Hostname": self.hostname,
                "EnvVersion": self.LOGGING_FORMAT_VERSION,
                "Severity": self.SYSLOG_LEVEL_MAP[summary_level(request)],
                "Pid": os.getpid(),
                "Fields": summary_fields(request),
            }
        )


def summary_level(request: RequestRecord) -> int:
    """Return the level of a request's summary: ERROR for a 5xx, otherwise INFO."""
    return logging.ERROR if request.status >= 500 else logging.INFO


def summary_fields(request: RequestRecord) -> dict[str, Any]:
    """Return the fields of a request's summary."""
    header = request.environ.get
    fields = {
        "errno": request.status if request.status >= 500 else 0,
        "agent": header("HTTP_USER_AGENT", ""),
        "lang": header("HTTP_ACCEPT_LANGUAGE", ""),
        "method": request.method,
        "path": request.path,
        "t": int(request.duration * 1000),
        "rid": request.request_id,
        "route": request.route,
        "status": request.status,
        "bytes": request.size,
        **request.ids,
    }
    for name, value in request.fields.items():
        fields[name] = redact_field(name, value)
    return fields


def summary_record(request: RequestRecord) -> logging.LogRecord:
    """Return a request's summary as a `LogRecord`, with its fields as attributes like `extra`."""
    arguments = (request.method, quote(request.path), request.status)
    record = summary.makeRecord(
        summary.name, summary_level(request), "", 0, "%s %s %d", arguments, None
    )
    for name, value in summary_fields(request).items():
        vars(record).setdefault(name, value)
    return record


def redact_field(name: str, value: Any) -> Any:
    """Return the value of a field with its secrets replaced."""
    if is_secret(name):
        return REDACTED
    return redact(value) if isinstance(value, str) else value


def encode(line: dict[str, Any]) -> bytes:
    """Serialize `line` as JSON with a line feed; values of unsupported types by their `repr`."""
    try:
        return orjson.dumps(line, safe_repr, orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # orjson rejects integers beyond 64 bits and lone surrogates
        with contextlib.suppress(TypeError, ValueError, RecursionError):
            return f"{json.dumps(line, default=safe_repr)}\n".encode()
    # json rejects some keys, and containers that contain themselves.
    fields = {
        name: value if isinstance(value, str | int) else safe_repr(value)
        for name, value in line["Fields"].items()
    }
    return f"{json.dumps({**line, 'Fields': fields})}\n".encode()


def safe_repr(value: Any) -> str:
    """Return the `repr` of an object, or its type if `repr` raises."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


class ConsoleFormatter(logging.Formatter):
    """Formatter that writes plain text, with colors on a terminal."""

    COLORS = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31"}

    def __init__(self, *, colors: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(name)s: %(message)s", "%H:%M:%S")
        self.colors = colors

    def format(self, record: logging.LogRecord) -> str:
        return self.paint(redact(super().format(record)), self.COLORS.get(record.levelno))

    def format_request(self, request: RequestRecord) -> bytes:
        """Return the summary line of a request."""
        now = time.strftime("%H:%M:%S")
        level = logging.getLevelName(summary_level(request))
        response = f"{request.method} {quote(request.path)} {request.status}"
        line = f"{now} {level:<8} {response} {request.duration * 1000:.1f} ms {request.request_id}"
        return f"{self.paint(line, '31' if request.status >= 500 else '36')}\n".encode()

    def paint(self, line: str, color: str | None) -> str:
        return f"\033[{color}m{line}\033[0m" if color and self.colors else line


class LineHandler(logging.Handler):
    """Handler that writes whole lines to a file descriptor, which processes can share.

    A line that cannot be written (a full disk, a closed pipe) is lost and counted.
    """

    def __init__(self, descriptor: int, formatter: JsonFormatter | ConsoleFormatter) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.setFormatter(formatter)

    def setFormatter(self, formatter: logging.Formatter | None) -> None:
        super().setFormatter(formatter)
        # Formats a request without a `LogRecord`; None if the formatter is not from this module.
        self.format_request: Callable[[RequestRecord], bytes] | None
        self.format_request = getattr(formatter, "format_request", None)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write(f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except Exception:  # such as a message that does not match its arguments
            LOG_LINES_LOST.inc()
            self.handleError(record)

    def write(self, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(self.descriptor, line) :]
        except OSError:
            LOG_LINES_LOST.inc()


_output: LineHandler | None = None


def init_logging(config: "Config", descriptor: int) -> None:
    """Write all logs to `descriptor`, in addition to existing handlers.

    Later calls do nothing: gunicorn.conf.py calls it first, or wsgi.py without gunicorn.
    """
    global _output
    root = logging.getLogger()
    if _output in root.handlers:
        return
    for handler in root.handlers[:]:
        # Added by a module that logged during import: it would write each line again.
        if type(handler) is logging.StreamHandler and handler.stream is sys.stderr:
            root.removeHandler(handler)
    formatter: JsonFormatter | ConsoleFormatter = (
        JsonFormatter(logger_name=SERVICE)
        if config.LOG_FORMAT == "json"
        else ConsoleFormatter(colors=os.isatty(descriptor) and "NO_COLOR" not in os.environ)
    )
    _output = LineHandler(descriptor, formatter)
    root.addHandler(_output)
    root.setLevel(config.LOG_LEVEL)
    if root.level > logging.DEBUG:
        for name in NOISY_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = log_thread_exception


def log_thread_exception(args: threading.ExceptHookArgs) -> None:
    """Log the exception that ended a thread."""
    exc_info = (args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    logging.getLogger("threading").error("Unhandled exception in a thread.", exc_info=exc_info)


def init_access_log(app: Flask) -> None:
    """Log each request of the application when its response is sent."""
    on_close(app, log_request)


def log_request(request: RequestRecord) -> None:
    """Log a request as `request.summary`, unless it is a probe or a scrape."""
    if request.is_probe or not summary.isEnabledFor(summary_level(request)):
        return
    if _output and _output.format_request and is_sole_handler(_output):
        # A `LogRecord`, which no other handler needs, would cost more than the line.
        _output.write(_output.format_request(request))
    else:
        summary.handle(summary_record(request))


def is_sole_handler(handler: LineHandler) -> bool:
    """Return whether `handler` is the only one of summaries, without filters or a level."""
    if summary.filters or handler.filters or handler.level:
        return False
    handlers = []
    logger: logging.Logger | None = summary
    while logger is not None:
        handlers += logger.handlers
        logger = logger.parent if logger.propagate else None
    return handlers == [handler]
