"""Spans by OpenTelemetry's own packages, which are there with the extra `telemetry` only."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from db.pools import Session
from graph.documents.document import Document, Operation
from graph.telemetry.record import RequestRecord


class OpenTelemetry:
    """Makes spans and sends them off, from a thread of its own."""

    def __init__(self, exporter: SpanExporter) -> None:
        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "flowkeep")})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("flowkeep", version("flowkeep"))
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, record: RequestRecord, headers: Mapping[str, str], name: str) -> Iterator[None]:
        """A span around a request, within the caller's trace where its headers name one."""
        context = self._propagator.extract(dict(headers)) if "traceparent" in headers else None
        with self._tracer.start_as_current_span(name, context, SpanKind.SERVER) as span:
            span.set_attribute("flowkeep.request_id", record.id)
            yield
            if record.status is not None:
                span.set_attribute("http.response.status_code", record.status)
            if record.actor is not None:
                span.set_attribute("user.id", record.actor)
            if record.codes:
                span.set_attribute("flowkeep.codes", list(dict.fromkeys(record.codes)))
                span.set_status(Status(StatusCode.ERROR, record.codes[0]))

    def operation(self, document: Document, operation: Operation) -> AbstractContextManager[object]:
        """A span around the run of an operation."""
        kind = operation.kind.value
        attributes = {
            "graphql.operation.type": kind,
            "graphql.operation.name": operation.name or "",
            "graphql.document.hash": document.hash,
        }
        name = f"{kind} {operation.name}" if operation.name else kind
        return self._tracer.start_as_current_span(name, attributes=attributes)

    def session(self, kind: Session) -> AbstractContextManager[object]:
        """A span around a session of the database."""
        return self._tracer.start_as_current_span(
            f"database {kind}",
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": "postgresql", "flowkeep.session": kind.value},
        )

    def flush(self) -> None:
        """Send off what has not gone yet; waits for it."""
        self._provider.force_flush()

    def close(self) -> None:
        """Send off what is left, for five seconds at most."""
        self._provider.force_flush(5_000)
        self._provider.shutdown()


def sending_to(endpoint: str | None) -> OpenTelemetry:
    """Spans that go to this URL; None for where OpenTelemetry's own variables say."""
    return OpenTelemetry(OTLPSpanExporter(endpoint))
