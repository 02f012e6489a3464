"""Every request from its beginning to its end, to be counted, logged and traced."""

import logging
import re
import secrets
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType

from db.engine import Database, Session
from graph.settings import Settings
from graph.telemetry.metrics import Metrics
from graph.telemetry.seen import CURRENT, Seen, Transport
from graph.telemetry.traces import Tracing

access = logging.getLogger("flowkeep.access")
slow = logging.getLogger("flowkeep.slow")

REQUEST_ID = "x-request-id"
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def request_id(headers: Mapping[str, str]) -> str:
    """The id that the caller gave, where it can be repeated without harm; else a new one."""
    given = headers.get(REQUEST_ID)
    return given if given and _SANE_ID.fullmatch(given) else secrets.token_hex(16)


class Requests:
    """Watches the requests of one application, and the sessions that they take."""

    def __init__(self, settings: Settings, metrics: Metrics | None, tracing: Tracing | None) -> None:
        self._metrics = metrics
        self._tracing = tracing
        # Lines for each request are for what collects them; a terminal would drown.
        self._logs_access = settings.log_format == "json"
        self._slow = settings.slow_operation

    def watch(self, database: Database) -> None:
        """Measure and trace the sessions of a database."""
        metrics, tracing = self._metrics, self._tracing
        watches: list[Callable[[Session], AbstractContextManager[object]]] = []
        watches += [metrics.session] if metrics else []
        watches += [tracing.session] if tracing else []
        if len(watches) == 1:
            database.watch(watches[0])
        elif watches:
            database.watch(lambda kind: _all(watch(kind) for watch in watches))

    def request(self, transport: Transport, headers: Mapping[str, str], name: str) -> "Watched":
        """To be entered around a request; what is noted meanwhile is found in what it gives."""
        seen = Seen(request_id(headers), transport, time.perf_counter(), self._tracing)
        span = None if self._tracing is None else self._tracing.request(seen, headers, name)
        return Watched(self, seen, span)

    def finish(self, seen: Seen) -> None:
        """Count, log and judge a request that has ended."""
        seconds = time.perf_counter() - seen.started
        if seen.status is None and seen.transport == "http" and not seen.codes:
            seen.codes.append("GONE")
        if self._metrics is not None:
            self._metrics.finished(seen, seconds, seen.codes[0] if seen.codes else "ok")
        if self._logs_access:
            access.info("request", extra={"fields": _fields(seen, seconds)})
        if self._slow and seconds >= self._slow and seen.kind not in ("subscription", "none"):
            fields = _fields(seen, seconds)
            if seen.document is not None:
                fields["document"] = seen.document.hash
            slow.warning("slow operation", extra={"fields": fields})


class Watched:
    """One request while it runs."""

    __slots__ = ("_requests", "_seen", "_span", "_token")

    def __init__(self, requests: Requests, seen: Seen, span: AbstractContextManager[None] | None) -> None:
        self._requests, self._seen, self._span = requests, seen, span

    def __enter__(self) -> Seen:
        self._token = CURRENT.set(self._seen)
        if self._span is not None:
            self._span.__enter__()
        return self._seen

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is CancelledError:
                self._seen.codes.append("CANCELLED")
            elif kind is not None and issubclass(kind, Exception):
                self._seen.codes.append("INTERNAL_SERVER_ERROR")
            if self._span is not None:
                self._span.__exit__(kind, error, traceback)
        finally:
            self._requests.finish(self._seen)
            CURRENT.reset(self._token)


def _fields(seen: Seen, seconds: float) -> dict[str, object]:
    return {
        "requestId": seen.id,
        "transport": seen.transport,
        "kind": seen.kind,
        "operation": seen.name,
        "actor": seen.actor,
        "status": seen.status,
        "codes": list(dict.fromkeys(seen.codes)),
        "refused": seen.refused or None,
        "duration": round(seconds, 6),
    }


@contextmanager
def _all(contexts: Iterator[AbstractContextManager[object]]) -> Iterator[None]:
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield
