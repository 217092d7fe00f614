from collections.abc import Iterator

import pytest
from flask import Flask
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import exc, text

from app.extensions import db
from app.observability.tracing import get_tracer
from app.observability.tracing_database import summarize_statement

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def _request() -> Iterator[None]:
    with get_tracer().start_as_current_span("request"):
        yield


@pytest.mark.usefixtures("_request")
def test_a_statement_is_a_span_without_its_values(spans: InMemorySpanExporter) -> None:
    query = "SELECT version_num FROM alembic_version WHERE 'x' = :y"
    db.session.execute(text(query), {"y": "dear"})
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("SELECT alembic_version", SpanKind.CLIENT)
    assert span.parent == trace.get_current_span().get_span_context()
    assert span.attributes
    # https://opentelemetry.io/docs/specs/semconv/database/database-spans/
    assert span.attributes["db.system.name"] == db.engine.dialect.name
    assert span.attributes["db.operation.name"] == "SELECT"
    assert "FROM alembic_version" in str(span.attributes["db.query.text"])
    assert "dear" not in str(dict(span.attributes))


@pytest.mark.usefixtures("_request")
def test_a_failing_statement_sets_the_error_status(spans: InMemorySpanExporter) -> None:
    with pytest.raises(exc.DBAPIError):
        db.session.execute(text("SELECT nothing FROM nowhere"))
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes
    assert span.attributes["error.type"]


def test_statements_outside_a_sampled_request_have_no_span(
    app: Flask, spans: InMemorySpanExporter
) -> None:
    db.session.execute(text("SELECT 1"))
    assert spans.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT items.id \nFROM items WHERE x", "SELECT items"),
        ('INSERT INTO "items" (id) VALUES (?)', "INSERT items"),
        ("update `items` SET x = 1", "UPDATE items"),
        ("DELETE FROM items", "DELETE items"),
        ("SELECT 1", "SELECT"),
    ],
)
def test_summaries_have_the_verb_and_the_table(statement: str, summary: str) -> None:
    assert summarize_statement(statement)[1] == summary
