"""The append-only records of an execution: log entries, metric points, events."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import orjson
import strawberry

from db.queries.pages import Row
from db.queries.sources import EVENTS, LOG_ENTRIES, METRIC_POINTS, STEPS
from graph.context import Info
from graph.enums import EventType, LogLevel
from graph.ids import Kind
from graph.loaded import loaded, reference
from graph.nodes import Node, node_of
from graph.scalars import JSONObject, Long

if TYPE_CHECKING:
    from graph.api.steps.types import Step


_STEP = Annotated["Step", strawberry.lazy("graph.api.steps.types")]


@node_of(Kind.LOG_ENTRY, LOG_ENTRIES)
@strawberry.type(description="Something that an execution or a step logged.")
class LogEntry(Node):
    seq: Long = strawberry.field(description="Counts the entries of the execution, from 1, without gaps.")
    level: LogLevel = strawberry.field(description="How severe it is.")
    message: str = strawberry.field(description="What was logged.")
    fields: JSONObject | None = strawberry.field(description="Structured additions to the message.")
    logged_at: datetime = strawberry.field(description="When it was logged, by the client's clock.")
    recorded_at: datetime = strawberry.field(description="When it was stored, by the database's clock.")
    original_bytes: Long | None = strawberry.field(
        description="How many bytes the message had, in UTF-8, before it was cut; null where it is whole."
    )

    @strawberry.field(description="Whether the message was over the limit, and is cut.")
    def truncated(self) -> bool:
        """Told by the length that it had."""
        return self.row["original_bytes"] is not None

    step = reference(
        STEPS,
        ("execution_id", "step_seq"),
        _STEP | None,
        "The attempt that logged it; null for the execution itself.",
    )


@node_of(Kind.METRIC_POINT, METRIC_POINTS)
@strawberry.type(description="A number that the engine reported.")
class MetricPoint(Node):
    seq: Long = strawberry.field(description="Counts the points of the execution, from 1, without gaps.")
    name: str = strawberry.field(description="What was measured.")
    value: float = strawberry.field(description="How much it was.")
    recorded_at: datetime = strawberry.field(description="When it was stored.")

    step = reference(
        STEPS,
        ("execution_id", "step_seq"),
        _STEP | None,
        "The attempt that it is about; null for the execution itself.",
    )


async def _steps_of_events(info: Info, rows: Sequence[Row]) -> list[Row | None]:
    seqs = [orjson.loads(row["changes"]).get("step") for row in rows]
    about = [(row["execution_id"], seq) for row, seq in zip(rows, seqs, strict=True) if isinstance(seq, int)]
    found = iter(await info.context.loaders.fetch_rows(STEPS, about))
    return [next(found) if isinstance(seq, int) else None for seq in seqs]


@node_of(Kind.EVENT, EVENTS)
@strawberry.type(description="A change to an execution.")
class Event(Node):
    seq: Long = strawberry.field(description="Counts the events of the execution, from 1, without gaps.")
    type: EventType = strawberry.field(description="What happened.")
    actor: str = strawberry.field(description="Who did it.")
    at: datetime = strawberry.field(description="When, by the database's clock.")
    changes: JSONObject = strawberry.field(
        description="What it changed: before and after, where there was a before."
    )

    step = loaded(
        _steps_of_events,
        _STEP | None,
        "The attempt that it is about, as it is now; null where it is about none.",
        "execution_id",
        "changes",
        source=STEPS,
    )
