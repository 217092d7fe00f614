"""An OTLP/HTTP collector: keeps the spans that it is sent, as opentelemetry-proto reads them."""

import gzip
import threading
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.listener import Listener, ListenerHandler

KINDS = {1: "internal", 2: "server", 3: "client"}


class Span(NamedTuple):
    """What of a span the tests look at; ids in hex."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    is_error: bool
    attributes: dict[str, Any]
    events: list[str]
    resource: dict[str, Any]


class Collector(Listener):
    """Listens on a port of its own; with `hangs` it takes requests and never answers."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.hangs = hangs
        self.asked = 0
        self.spans: list[Span] = []
        super().__init__(Handler)

    def trace(self, trace_id: str) -> list[Span]:
        return [span for span in self.spans if span.trace_id == trace_id]


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


class Handler(ListenerHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.read_body()
        self.server.asked += 1
        if self.server.hangs:
            threading.Event().wait()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.path == "/v1/traces"
        assert self.headers["Content-Type"] == "application/x-protobuf"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.server.spans.append(
                        Span(
                            span.name,
                            KINDS[span.kind],
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            span.status.code == 2,
                            attributes(span.attributes),
                            [event.name for event in span.events],
                            attributes(resource.resource.attributes),
                        )
                    )
        self.answer(200, "application/x-protobuf", ExportTraceServiceResponse().SerializeToString())
