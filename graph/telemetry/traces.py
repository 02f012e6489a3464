"""Traces for OpenTelemetry: a span for each request, its operation, and each session of the database.

On with `FLOWKEEP_OTEL_ENDPOINT`, or with OpenTelemetry's own `OTEL_EXPORTER_OTLP_ENDPOINT` or
`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, whose other variables hold as well. Needs the extra `telemetry`. A
caller's `traceparent` is gone on with. Fields have no spans: those would cost several times what they
measure.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Protocol, cast

from db.errors import NotReady
from db.pools import Session
from graph.settings import Settings
from graph.telemetry.record import RequestRecord, Spans

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TRACES_PATH = "/v1/traces"


class Tracing(Spans, Protocol):
    """Makes spans and sends them off, from a thread of its own."""

    def request(
        self, record: RequestRecord, headers: Mapping[str, str], name: str
    ) -> AbstractContextManager[None]:
        """A span around a request, within the caller's trace where its headers name one."""

    def session(self, kind: Session) -> AbstractContextManager[object]:
        """A span around a session of the database."""

    def close(self) -> None:
        """Send off what is left."""


def tracing(settings: Settings) -> Tracing | None:
    """As the settings and OpenTelemetry's own variables say; None where they name no place to send to.

    Raises `NotReady` where they do and the extra is not installed.
    """
    endpoint = settings.otel_endpoint
    if endpoint is None and not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if endpoint is not None:
        endpoint = endpoint.rstrip("/").removesuffix(_TRACES_PATH) + _TRACES_PATH
    try:
        # Only now: it may not be there, and takes a while to load.
        spans = import_module("graph.telemetry.spans")
    except ImportError as error:
        raise NotReady(
            f"Traces need OpenTelemetry ({error}): pip install 'flowkeep[telemetry]', or unset the endpoint."
        ) from error
    return cast(Tracing, spans.sending_to(endpoint))
