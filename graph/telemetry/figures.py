"""Figures of the database in the metrics: read when they are asked for, ten seconds old at most.

Of several workers the one that is asked reads them, for all of them would read the same. Where the database
does not answer in time they are left out, and `flowkeep_database_up` is 0.
"""

import asyncio
import math
import time
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from db.engine import Database
from db.enums import LIVE_EXECUTION, TERMINAL_EXECUTION, ExecutionStatus
from db.errors import FlowkeepError
from db.queries.figures import Figures, measure
from db.queries.open_transactions import OpenTransaction, oldest_writer

REMEMBERED_SECONDS = 10.0
# Prometheus waits ten seconds for an answer, unless it is told otherwise.
_SECONDS = 3.0


class DatabaseFigures(Collector):
    """What was read last, and when."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read_at = -math.inf
        self._figures: Figures | None = None
        self._oldest: OpenTransaction | None = None

    async def refresh(self) -> None:
        """Read them, unless that was done a moment ago, or somebody is at it."""
        if time.monotonic() - self._read_at < REMEMBERED_SECONDS:
            return
        self._read_at = time.monotonic()
        try:
            async with asyncio.timeout(_SECONDS):
                self._oldest = await oldest_writer(self._database)
                self._figures = await measure(self._database)
        except (FlowkeepError, TimeoutError):
            self._figures = None

    def collect(self) -> Iterator[Metric]:
        """As Prometheus' client asks for them."""
        figures = self._figures
        yield _one("database_up", "Whether the database answered when it was asked last.", bool(figures))
        if figures is None:
            return
        yield _one(
            "oldest_write_transaction_seconds",
            "How long the oldest transaction that has changed something has been open: what was committed "
            "after it began is told to followers of all changes once it has ended. 0 where there is none.",
            _age(self._oldest),
        )
        yield _by_status(
            "executions", "Executions that have not ended, by status.", LIVE_EXECUTION, figures.open
        )
        yield _one("executions_orphaned", "Executions that run and whose lease is over.", figures.orphaned)
        yield _by_status(
            "executions_ended",
            "Executions that ended within the last hour, by status.",
            TERMINAL_EXECUTION,
            figures.ended,
        )
        yield _by(
            "retention_deleted", "Rows that retention has deleted, by its receipts.", "kind", figures.deleted
        )
        if figures.retention_ended is not None:
            yield _one(
                "retention_ended_timestamp_seconds",
                "When the last run of retention that left a receipt came to its end, in seconds since 1970.",
                figures.retention_ended,
            )


def _age(transaction: OpenTransaction | None) -> float:
    """In seconds; NaN where the service's role may not see it."""
    if transaction is None:
        return 0.0
    return math.nan if transaction.age is None else transaction.age


def _one(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"flowkeep_{name}", help, value)


def _by(name: str, help: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"flowkeep_{name}", help, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def _by_status(
    name: str, help: str, statuses: Iterable[ExecutionStatus], values: Mapping[str, int]
) -> Metric:
    return _by(name, help, "status", {status.lower(): values.get(status, 0) for status in statuses})
