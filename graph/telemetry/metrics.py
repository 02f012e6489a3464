"""What Prometheus reads at `/metrics`.

Each application has a registry of its own. With several workers, counts are shared through files in the
folder that `PROMETHEUS_MULTIPROC_DIR` names, so that whichever worker is asked answers for all of them.

An operation's name is a label only where it can't be made up at will: names of trusted documents, and of
documents that were asked before, the first 200 of them; all others are `other`.
"""

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from types import TracebackType

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, SelectionSetNode
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
)
from prometheus_client.registry import Collector

from db.pools import Session
from graph.documents.document import Document, Operation
from graph.telemetry.record import RequestRecord

CONTENT_TYPE = CONTENT_TYPE_LATEST
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MOST_NAMES = 200
_REMEMBERED = 1_000
_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SESSION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class Names:
    """The operation names that may be labels."""

    def __init__(self, trusted: Iterable[Document] = ()) -> None:
        self._once: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._labels: dict[tuple[str, str], str] = {}
        self._names: set[str] = set()
        for document in trusted:
            for operation in document.operations:
                self._admit((document.hash, operation.name or ""))

    def label(self, document: Document | None, name: str | None) -> str:
        """The label for an operation of a document."""
        if document is None or name is None:
            return ""
        key = document.hash, name
        known = self._labels.get(key)
        if known is not None:
            return known
        if key in self._once:
            del self._once[key]
            return self._admit(key)
        self._once[key] = None
        if len(self._once) > _REMEMBERED:
            self._once.popitem(last=False)
        return "other"

    def _admit(self, key: tuple[str, str]) -> str:
        name = key[1]
        if name not in self._names and len(self._names) >= MOST_NAMES:
            return "other"
        self._names.add(name)
        # Many documents may have one name: what is remembered of them is bounded too.
        if len(self._labels) < _REMEMBERED:
            self._labels[key] = name
        return name


class Metrics:
    """Counts what happens; `gauges` are asked for the present values when they are read."""

    def __init__(self, trusted: Iterable[Document] = ()) -> None:
        self._names = Names(trusted)
        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Counter(
            "flowkeep_requests",
            "Requests, by what was asked and how it went: ok, the code of the first error, or gone.",
            ["kind", "operation", "outcome"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "flowkeep_request_seconds",
            "Time from a request to its answer; subscriptions are not in it.",
            ["kind", "operation"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self._writes = Counter(
            "flowkeep_writes",
            "Mutation fields, by outcome: ok, the error type that answered, or failed.",
            ["mutation", "outcome"],
            registry=registry,
        )
        self._unplanned = Counter(
            "flowkeep_unplanned",
            "Operations that were answered by graphql-core, by what no plan can be made of.",
            ["reason"],
            registry=registry,
        )
        session_seconds = Histogram(
            "flowkeep_database_session_seconds",
            "Time that a read (a batch of statements), a write (a transaction) or maintenance took, "
            "from waiting for a connection to giving it back.",
            ["kind"],
            buckets=_SESSION_BUCKETS,
            registry=registry,
        )
        session_errors = Counter(
            "flowkeep_database_session_errors",
            "Sessions that ended with an error or were cancelled.",
            ["kind"],
            registry=registry,
        )
        self._sessions = {
            kind: (session_seconds.labels(kind.value).observe, session_errors.labels(kind.value).inc)
            for kind in Session
        }
        self._replica_queries = Counter(
            "flowkeep_replica_queries",
            "Queries where there is a replica, by where they were read: replica, or why from the primary.",
            ["source"],
            registry=registry,
        )
        self._job_failures = Counter(
            # Not by `job`: Prometheus calls the target so, and would rename ours.
            "flowkeep_job_failures",
            "Failures of what runs beside the requests.",
            ["name"],
            registry=registry,
        )
        self._gauges: list[tuple[Gauge, Callable[[], float]]] = []
        self._collectors: list[Collector] = []
        self._by_request: dict[tuple[str, str, str], Callable[[], None]] = {}
        self._by_write: dict[tuple[str, str], Callable[[], None]] = {}
        self._by_latency: dict[tuple[str, str], Callable[[float], None]] = {}
        info = Gauge("flowkeep_info", "Which Flowkeep this is.", ["version"], "", "", "", registry, (), "max")
        info.labels(version("flowkeep")).set(1)
        # The client library read it too, when it was imported.
        self.shared = SHARED_FOLDER in os.environ
        process = ProcessCollector(registry=None)
        if self.shared:
            self._add_process(process)
        else:
            registry.register(process)

    def gauge(self, name: str, help: str, value: Callable[[], float], *, highest: bool = False) -> None:
        """A value that is read when it is asked for; of several workers the sum, or the highest."""
        mode = "livemax" if highest else "livesum"
        gauge = Gauge(f"flowkeep_{name}", help, registry=self._registry, multiprocess_mode=mode)  # type: ignore[arg-type]
        self._gauges.append((gauge, value))

    def _add_process(self, process: ProcessCollector) -> None:
        # What the library measures of a process it tells of the one that is asked only.
        def value(name: str) -> float:
            return next(
                (one.value for family in process.collect() for one in family.samples if one.name == name), 0.0
            )

        for family in process.collect():
            for sample in family.samples:
                gauge = Gauge(
                    sample.name, family.documentation, registry=self._registry, multiprocess_mode="liveall"
                )
                self._gauges.append((gauge, partial(value, sample.name)))

    def add(self, collector: Collector) -> None:
        """Ask `collector` too: for what is the same whichever worker is asked."""
        self._collectors.append(collector)
        self._registry.register(collector)

    def refresh(self) -> None:
        """Read the present values, which other workers report from then on."""
        for gauge, value in self._gauges:
            gauge.set(value())

    async def share(self) -> None:
        """Let the other workers know this one's present values."""
        self.refresh()

    def job_failed(self, name: str) -> None:
        """A round of what runs beside the requests has failed."""
        self._job_failures.labels(name).inc()

    def finished(self, record: RequestRecord, seconds: float, outcome: str) -> None:
        """A request has ended."""
        kind, name = record.kind, self._names.label(record.document, record.name)
        counted = self._by_request.get((kind, name, outcome))
        if counted is None:
            counted = self._requests.labels(kind, name, outcome).inc
            self._by_request[kind, name, outcome] = counted
        counted()
        if record.unplanned is not None:
            self._unplanned.labels(record.unplanned).inc()
        if record.source is not None:
            self._replica_queries.labels(record.source).inc()
        if kind in ("subscription", "download"):
            return
        observe = self._by_latency.get((kind, name))
        if observe is None:
            observe = self._by_latency[kind, name] = self._request_seconds.labels(kind, name).observe
        observe(seconds)
        if kind == "mutation":
            self._count_writes(record)

    def _count_writes(self, record: RequestRecord) -> None:
        if record.operation is None or record.document is None:
            return
        compiled = record.operation.compiled
        fields = compiled.get("written")
        if fields is None:
            fields = compiled["written"] = _root_fields(record.document, record.operation)
        for mutation in fields:
            outcome = record.refused.get(mutation) or ("failed" if record.codes else "ok")
            counted = self._by_write.get((mutation, outcome))
            if counted is None:
                counted = self._by_write[mutation, outcome] = self._writes.labels(mutation, outcome).inc
            counted()

    def session(self, kind: Session) -> "_Timed":
        """To be entered around each session of the database."""
        return _Timed(*self._sessions[kind])

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        self.refresh()
        if not self.shared:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        for collector in self._collectors:
            shared.register(collector)
        return generate_latest(shared)


class _Timed:
    __slots__ = ("_failed", "_observe", "_started")

    def __init__(self, observe: Callable[[float], None], failed: Callable[[], None]) -> None:
        self._observe, self._failed = observe, failed

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._observe(time.perf_counter() - self._started)
        if kind is not None:
            self._failed()


def _root_fields(document: Document, operation: Operation) -> list[str]:
    fragments = {
        node.name.value: node for node in document.ast.definitions if isinstance(node, FragmentDefinitionNode)
    }
    found: list[str] = []
    waiting: list[SelectionSetNode] = [operation.node.selection_set]
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                found.append(node.name.value)
            elif isinstance(node, FragmentSpreadNode):
                waiting.append(fragments[node.name.value].selection_set)
            else:
                waiting.append(node.selection_set)  # type: ignore[attr-defined]
    return found
