"""Client span of each statement, by OpenTelemetry's semantic conventions for databases."""

import re
from functools import lru_cache
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExceptionContext, ExecutionContext

from app.observability.tracing import get_tracer

tracer = get_tracer()
SPAN = "_service_span"
TABLE = re.compile(r"(?i)\b(?:FROM|INTO|UPDATE)\s+[\"`]?(\w+)")


def trace_statements() -> None:
    """Trace the statements of all engines within sampled requests."""
    if not event.contains(Engine, "before_cursor_execute", start_span):
        event.listen(Engine, "before_cursor_execute", start_span)
        event.listen(Engine, "after_cursor_execute", end_span)
        event.listen(Engine, "handle_error", fail_span)


@lru_cache(maxsize=512)
def summarize_statement(statement: str) -> tuple[str, str]:
    """Return a statement's verb, and the verb with the first table."""
    verb = statement.split(None, 1)[0].upper()
    table = TABLE.search(statement)
    return verb, f"{verb} {table[1]}" if table else verb


def start_span(
    connection: Connection, _: Any, statement: str, __: Any, execution: ExecutionContext, ___: bool
) -> None:
    """Start the span of a statement."""
    if not trace.get_current_span().is_recording():
        return
    url = connection.engine.url
    verb, summary = summarize_statement(statement)
    attributes = {
        "db.system.name": connection.dialect.name,
        "db.namespace": url.database,
        "db.operation.name": verb,
        "db.query.summary": summary,
        "db.query.text": statement,  # with placeholders, without values
        "server.address": url.host,
        "server.port": url.port,
    }
    present = {name: value for name, value in attributes.items() if value is not None}
    span = tracer.start_span(summary, kind=SpanKind.CLIENT, attributes=present)
    setattr(execution, SPAN, span)


def end_span(
    _: Any, __: Any, ___: str, ____: Any, execution: ExecutionContext, _____: bool
) -> None:
    """End the span of a statement that succeeded."""
    span = getattr(execution, SPAN, None)
    if span is not None:
        span.end()


def fail_span(failure: ExceptionContext) -> None:
    """End the span of a statement that failed, with the type of its error."""
    span = getattr(failure.execution_context, SPAN, None)
    if span is not None:
        error = failure.original_exception
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR)
        span.end()
