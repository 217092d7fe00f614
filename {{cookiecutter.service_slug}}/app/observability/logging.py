"""Logs: one JSON object a line in production, readable lines in development.

Every line, of this code or of any library, carries the ids of the request that it belongs to. The
JSON is a mozlog envelope (https://wiki.mozilla.org/Firefox/Services/Logging); a request's own line
is Dockerflow's request.summary (https://python-dockerflow.readthedocs.io/).
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
from app.version import SERVICE_NAME

if TYPE_CHECKING:
    from app.config import Config

summary = logging.getLogger("request.summary")

# They name each request that they make, with its URL.
TALKATIVE = ("httpx", "httpcore")

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
    """Return `text` without the passwords, keys and tokens that can be told in it."""
    return SECRETS.sub(lambda match: f"{match[match.lastgroup or 0]}{REDACTED}", text)


class JsonFormatter(MozlogFormatter):
    """One mozlog object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = self.convert_record(record)
        context = get_record()
        fields = {"rid": context.request_id, **context.ids}
        fields |= {**context.fields, **line["Fields"]}
        # The library leaves out a message that looks like JSON, and what caused an exception.
        fields["msg"] = record.getMessage()
        if record.name == summary.name:  # as `summarise` has it
            del fields["msg"]
        if record.exc_info:
            fields["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        shown = {name: show(name, value) for name, value in fields.items()}
        return encode({**line, "Fields": shown}).decode().rstrip()

    def summarise(self, context: RequestRecord) -> bytes:
        """Return the line of a request, made of its record alone."""
        return encode(
            {
                "Timestamp": time.time_ns(),
                "Type": summary.name,
                "Logger": self.logger_name,
                "Hostname": self.hostname,
                "EnvVersion": self.LOGGING_FORMAT_VERSION,
                "Severity": self.SYSLOG_LEVEL_MAP[summary_level(context)],
                "Pid": os.getpid(),
                "Fields": summary_fields(context),
            }
        )


def summary_level(context: RequestRecord) -> int:
    return logging.ERROR if context.status >= 500 else logging.INFO


def summary_fields(context: RequestRecord) -> dict[str, Any]:
    """Return what is logged of a request."""
    header = context.environ.get
    fields = {
        "errno": context.status if context.status >= 500 else 0,
        "agent": header("HTTP_USER_AGENT", ""),
        "lang": header("HTTP_ACCEPT_LANGUAGE", ""),
        "method": context.method,
        "path": context.path,
        "t": int(context.duration * 1000),
        "rid": context.request_id,
        "route": context.route,
        "status": context.status,
        "bytes": context.size,
        **context.ids,
    }
    for name, value in context.fields.items():
        fields[name] = show(name, value)
    return fields


def summary_record(context: RequestRecord) -> logging.LogRecord:
    """Return a request's line as a log record, with its fields as attributes, as `extra` sets them."""
    arguments = (context.method, quote(context.path), context.status)
    record = summary.makeRecord(
        summary.name, summary_level(context), "", 0, "%s %s %d", arguments, None
    )
    for name, value in summary_fields(context).items():
        vars(record).setdefault(name, value)
    return record


def show(name: str, value: Any) -> Any:
    """Return what a line may show of the field called `name`."""
    if is_secret(name):
        return REDACTED
    return redact(value) if isinstance(value, str) else value


def encode(line: dict[str, Any]) -> bytes:
    """Return `line` as JSON, and its end; what has no form in JSON is shown as Python does."""
    try:
        return orjson.dumps(line, show_object, orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # an integer beyond 64 bits, or text that UTF-8 cannot hold
        with contextlib.suppress(TypeError, ValueError, RecursionError):
            return f"{json.dumps(line, default=show_object)}\n".encode()
    # A key that is no text, or a container that is in itself.
    fields = {
        name: value if isinstance(value, str | int) else show_object(value)
        for name, value in line["Fields"].items()
    }
    return f"{json.dumps({**line, 'Fields': fields})}\n".encode()


def show_object(value: Any) -> str:
    """Return the `repr` of an object, or its type where that raises."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


class ConsoleFormatter(logging.Formatter):
    """Lines for people: when, how bad, whose, what; in colour on a terminal."""

    COLOURS = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31"}

    def __init__(self, *, colours: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(name)s: %(message)s", "%H:%M:%S")
        self.colours = colours

    def format(self, record: logging.LogRecord) -> str:
        return self.paint(redact(super().format(record)), self.COLOURS.get(record.levelno))

    def summarise(self, context: RequestRecord) -> bytes:
        """Return the line of a request."""
        now = time.strftime("%H:%M:%S")
        said = f"{context.method} {quote(context.path)} {context.status}"
        line = f"{now} INFO     {said} {context.duration * 1000:.1f} ms {context.request_id}"
        return f"{self.paint(line, '31' if context.status >= 500 else '36')}\n".encode()

    def paint(self, line: str, colour: str | None) -> str:
        return f"\033[{colour}m{line}\033[0m" if colour and self.colours else line


class LineHandler(logging.Handler):
    """Writes lines to a file descriptor, each whole, for processes that share it.

    Where one cannot be written (a full disk, a reader that is gone) it is lost and counted.
    """

    def __init__(self, descriptor: int, formatter: JsonFormatter | ConsoleFormatter) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.setFormatter(formatter)

    def setFormatter(self, formatter: logging.Formatter | None) -> None:
        super().setFormatter(formatter)
        # Makes a request's line without a record; None for a formatter that is not of this module.
        self.summarise: Callable[[RequestRecord], bytes] | None
        self.summarise = getattr(formatter, "summarise", None)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write(f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except Exception:  # a message that does not fit its arguments
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
    """Write all that is logged to `descriptor`, beside the handlers that there are already.

    The first call decides: gunicorn's, or that of wsgi.py without it.
    """
    global _output
    root = logging.getLogger()
    if _output in root.handlers:
        return
    for handler in root.handlers[:]:
        # Left by a module that logged while it was imported: it would tell each line twice.
        if type(handler) is logging.StreamHandler and handler.stream is sys.stderr:
            root.removeHandler(handler)
    formatter: JsonFormatter | ConsoleFormatter = (
        JsonFormatter(logger_name=SERVICE_NAME)
        if config.LOG_FORMAT == "json"
        else ConsoleFormatter(colours=os.isatty(descriptor) and "NO_COLOR" not in os.environ)
    )
    _output = LineHandler(descriptor, formatter)
    root.addHandler(_output)
    root.setLevel(config.LOG_LEVEL)
    if root.level > logging.DEBUG:
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = log_thread_exception


def log_thread_exception(args: threading.ExceptHookArgs) -> None:
    """Log what ended a thread."""
    exc_info = (args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    logging.getLogger("threading").error("a thread died", exc_info=exc_info)


def init_access_log(app: Flask) -> None:
    """Log each request of the application, once it is answered."""
    on_close(app, log_request)


def log_request(context: RequestRecord) -> None:
    """Log a request as `request.summary`."""
    if not context.is_recorded or not summary.isEnabledFor(summary_level(context)):
        return
    if _output and _output.summarise and is_sole_handler(_output):
        # A record that nobody else wants would cost more than the line itself.
        _output.write(_output.summarise(context))
    else:
        summary.handle(summary_record(context))


def is_sole_handler(handler: LineHandler) -> bool:
    """Return whether a summary meets `handler` alone, and no filter or level of a handler."""
    if summary.filters or handler.filters or handler.level:
        return False
    handlers = []
    logger: logging.Logger | None = summary
    while logger is not None:
        handlers += logger.handlers
        logger = logger.parent if logger.propagate else None
    return handlers == [handler]
