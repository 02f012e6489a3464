"""Every request from its beginning to its end, to be counted, logged and traced."""

import logging
import re
import secrets
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType

from db.engine import Database
from db.pools import Session
from db.replica import Replica
from graph.settings import Settings
from graph.telemetry.metrics import Metrics
from graph.telemetry.record import CURRENT, RequestRecord, Transport
from graph.telemetry.traces import Tracing

access = logging.getLogger("flowkeep.access")
slow = logging.getLogger("flowkeep.slow")

REQUEST_ID = "x-request-id"
# How long they take is up to the client, or nothing ran.
_OPEN_ENDED = {"subscription", "download", "none"}
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def request_id(headers: Mapping[str, str]) -> str:
    """The id that the caller gave, where it can be repeated without harm; else a new one."""
    given = headers.get(REQUEST_ID)
    return given if given and _SANE_ID.fullmatch(given) else secrets.token_hex(16)


class RequestTelemetry:
    """Counts, logs and traces the requests of one application, and the sessions that they take."""

    def __init__(self, settings: Settings, metrics: Metrics | None, tracing: Tracing | None) -> None:
        self._metrics = metrics
        self._tracing = tracing
        # Lines for each request are for what collects them; a terminal would drown.
        self._logs_access = settings.log_format == "json"
        self._slow = settings.slow_operation

    def observe(self, database: Database | Replica) -> None:
        """Measure and trace the sessions of a database, or of its replica."""
        metrics, tracing = self._metrics, self._tracing
        observers: list[Callable[[Session], AbstractContextManager[object]]] = []
        observers += [metrics.session] if metrics else []
        observers += [tracing.session] if tracing else []
        if len(observers) == 1:
            database.observe(observers[0])
        elif observers:
            database.observe(lambda kind: _all(observer(kind) for observer in observers))

    def request(self, transport: Transport, headers: Mapping[str, str], name: str) -> "RunningRequest":
        """To be entered around a request; what is noted meanwhile is found in what it gives."""
        record = RequestRecord(request_id(headers), transport, time.perf_counter(), self._tracing)
        span = None if self._tracing is None else self._tracing.request(record, headers, name)
        return RunningRequest(self, record, span)

    def finish(self, record: RequestRecord) -> None:
        """Count, log and judge a request that has ended."""
        seconds = time.perf_counter() - record.started
        if record.status is None and record.transport == "http" and not record.codes:
            record.codes.append("GONE")
        if self._metrics is not None:
            self._metrics.finished(record, seconds, record.codes[0] if record.codes else "ok")
        if self._logs_access:
            access.info("request", extra={"fields": _fields(record, seconds)})
        if self._slow and seconds >= self._slow and record.kind not in _OPEN_ENDED:
            fields = _fields(record, seconds)
            if record.document is not None:
                fields["document"] = record.document.hash
            slow.warning("slow operation", extra={"fields": fields})


class RunningRequest:
    """One request while it runs."""

    __slots__ = ("_record", "_requests", "_span", "_token")

    def __init__(
        self, requests: RequestTelemetry, record: RequestRecord, span: AbstractContextManager[None] | None
    ) -> None:
        self._requests, self._record, self._span = requests, record, span

    def __enter__(self) -> RequestRecord:
        self._token = CURRENT.set(self._record)
        if self._span is not None:
            self._span.__enter__()
        return self._record

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is CancelledError:
                self._record.codes.append("CANCELLED")
            elif kind is not None and issubclass(kind, Exception):
                self._record.codes.append("INTERNAL_SERVER_ERROR")
            if self._span is not None:
                self._span.__exit__(kind, error, traceback)
        finally:
            self._requests.finish(self._record)
            CURRENT.reset(self._token)


def _fields(record: RequestRecord, seconds: float) -> dict[str, object]:
    return {
        "requestId": record.id,
        "transport": record.transport,
        "kind": record.kind,
        "operation": record.name,
        "actor": record.actor,
        "status": record.status,
        "codes": list(dict.fromkeys(record.codes)),
        "refused": record.refused or None,
        "source": record.source,
        "duration": round(seconds, 6),
    }


@contextmanager
def _all(contexts: Iterator[AbstractContextManager[object]]) -> Iterator[None]:
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield
