"""Spans of requests, operations and sessions, in the caller's trace."""

import sys

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from db.engine import Database
from db.errors import NotReady
from graph.settings import Settings
from graph.telemetry import traces
from graph.telemetry.spans import OpenTelemetry
from tests.serving import serving, settings_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Keeps the spans of applications that are made meanwhile."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr("graph.app.tracing", lambda settings: OpenTelemetry(exporter))
    return exporter


async def spans(
    worker_url: str, exporter: InMemorySpanExporter, query: str, **headers: str
) -> dict[str, ReadableSpan]:
    """The spans of one request, by their names."""
    settings = settings_of(worker_url)
    async with serving(settings) as url, httpx.AsyncClient() as http:
        await http.post(url, json={"query": query}, headers=headers)
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_a_request_its_operation_and_its_sessions(
    worker_url: str, database: Database, exporter: InMemorySpanExporter
) -> None:
    found = await spans(
        worker_url,
        exporter,
        "query Traced { health { database { version } } }",
        traceparent=f"00-{TRACE}-{PARENT}-01",
    )
    request, operation = found["POST /graphql"], found["query Traced"]
    assert request.context is not None
    assert format(request.context.trace_id, "032x") == TRACE
    assert request.parent is not None
    assert format(request.parent.span_id, "016x") == PARENT
    assert operation.parent is not None
    assert operation.parent.span_id == request.context.span_id
    assert operation.context is not None
    inside = [
        span
        for span in exporter.get_finished_spans()
        if span.name == "database read" and span.parent and span.parent.span_id == operation.context.span_id
    ]
    assert inside
    assert operation.attributes is not None
    assert operation.attributes["graphql.operation.name"] == "Traced"


async def test_a_refused_request_is_an_error(
    worker_url: str, database: Database, exporter: InMemorySpanExporter
) -> None:
    request = (await spans(worker_url, exporter, "{ nothing no }"))["POST /graphql"]
    assert request.status.description == "GRAPHQL_VALIDATION_FAILED"
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200


def test_without_an_endpoint_there_are_none() -> None:
    assert traces.tracing(Settings()) is None


def test_an_endpoint_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graph.telemetry.spans", None)
    with pytest.raises(NotReady, match=r"flowkeep\[telemetry\]"):
        traces.tracing(Settings(otel_endpoint="http://127.0.0.1:4318"))


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"])
def test_an_endpoint_is_taken_with_and_without_its_path(endpoint: str) -> None:
    made = traces.tracing(Settings(otel_endpoint=endpoint))
    assert made is not None
    made.close()
