"""Execution: one run of a workflow, and everything that belongs to it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self

import strawberry

from db.errors import InvalidInput, NotFound, StaleLease
from db.queries import executions
from db.queries.pages import Row
from db.queries.sources import (
    CHECKPOINTS,
    CHECKPOINTS_OF_EXECUTION,
    CHILDREN_OF_EXECUTION,
    EVENTS_OF_EXECUTION,
    EXECUTIONS,
    HOLDS,
    LOGS_OF_EXECUTION,
    STATES,
    STEPS_OF_EXECUTION,
    WORKFLOWS,
)
from graph.api.executions.diagnosis import WhyStuck
from graph.api.executions.filters import EXECUTIONS_LISTED
from graph.api.failures import Failure
from graph.api.records.filters import EVENTS_LISTED, LOGS_LISTED
from graph.api.records.metrics import METRICS_COLUMNS, ExecutionMetrics, load_metrics
from graph.api.records.types import Event, LogEntry
from graph.api.retention.types import Hold
from graph.api.states.checkpoints import Checkpoint
from graph.api.states.filters import CHECKPOINTS_LISTED
from graph.api.states.types import ExecutionState, states_at
from graph.api.steps.filters import STEPS_LISTED
from graph.api.steps.types import Step
from graph.auth.scopes import READ
from graph.connections import connection
from graph.context import Info
from graph.enums import ExecutionStatus, TriggerType
from graph.ids import Kind
from graph.loaded import loaded, reference
from graph.nodes import Node, node_of, required_rows
from graph.scalars import JSON, JSONObject, Long

if TYPE_CHECKING:
    from graph.api.workflows.types import Workflow

_EXECUTION = Annotated["Execution", strawberry.lazy("graph.api.executions.types")]
_WORKFLOW = Annotated["Workflow", strawberry.lazy("graph.api.workflows.types")]


_KEY = ("id",)


@strawberry.type(description="Who may write to an execution as its engine.")
class Lease:
    """The lease on an execution."""

    holder: str | None = strawberry.field(description="Who holds it; null when nobody does.")
    epoch: Long = strawberry.field(
        description="Grows with every new holder and is never reset; 0 before the first."
    )
    expires_at: datetime | None = strawberry.field(description="When it ends unless it is extended.")
    heartbeat_at: datetime | None = strawberry.field(description="When it was last taken or extended.")

    @classmethod
    def of(cls, row: Row) -> Self:
        """The lease that an execution's row holds."""
        return cls(
            holder=row["lease_holder"],
            epoch=row["lease_epoch"],
            expires_at=row["lease_expires_at"],
            heartbeat_at=row["heartbeat_at"],
        )


async def _latest_checkpoints(info: Info, rows: Sequence[Row]) -> list[Row | None]:
    return await info.context.loaders.batch(executions.fetch_latest_checkpoints, [row["id"] for row in rows])


async def _states(info: Info, rows: Sequence[Row]) -> list[Row | NotFound]:
    return await required_rows(info, Kind.STATE, [(row["id"],) for row in rows])


async def _states_at(
    info: Info,
    rows: Sequence[Row],
    version: Annotated[Long, strawberry.argument(description="The state's version; 0 is the empty state.")],
) -> list[ExecutionState | InvalidInput | NotFound]:
    return await states_at(info, [(row["id"], version) for row in rows])


async def _why_stuck(info: Info, rows: Sequence[Row]) -> list[WhyStuck | NotFound]:
    return await WhyStuck.load(info, [row["id"] for row in rows])


@node_of(Kind.EXECUTION, EXECUTIONS)
@strawberry.type(description="One run of a workflow version.")
class Execution(Node):
    status: ExecutionStatus = strawberry.field(description="Where it stands.")
    trigger_type: TriggerType = strawberry.field(directives=[READ], description="What set it off.")
    triggered_by: str = strawberry.field(directives=[READ], description="Who set it off.")
    correlation_id: str | None = strawberry.field(
        directives=[READ], description="The caller's own id for what it belongs to."
    )
    input: JSON | None = strawberry.field(directives=[READ], description="What it was given.")
    result: JSON | None = strawberry.field(
        directives=[READ], description="What it came to; only when COMPLETED."
    )
    attributes: JSONObject = strawberry.field(directives=[READ], description="Searchable facts about it.")
    tags: list[str] = strawberry.field(directives=[READ], description="Free words to find it by.")
    created_at: datetime = strawberry.field(description="When it was created.")
    started_at: datetime | None = strawberry.field(description="When it first started.")
    completed_at: datetime | None = strawberry.field(description="When it ended, in whatever way.")
    duration: timedelta | None = strawberry.field(
        directives=[READ], description="From its start to its end; null until both are known."
    )

    @strawberry.field(directives=[READ], description="What went wrong, where it did not end well.")
    def error(self) -> Failure | None:
        return Failure.from_json(self.row["error"])

    hold = reference(
        HOLDS,
        _KEY,
        Hold | None,
        "The hold on itself; null where there is none. Its workflow version may be on hold too.",
    )

    @strawberry.field(description="Its lease.")
    def lease(self) -> Lease:
        return Lease.of(self.row)

    workflow = reference(WORKFLOWS, ("workflow_id",), _WORKFLOW, "The workflow version that it runs.")
    parent = reference(EXECUTIONS, ("parent_id",), _EXECUTION | None, "The execution that started it.")
    forked_from = reference(
        CHECKPOINTS,
        ("forked_from_execution_id", "forked_from_seq"),
        Checkpoint | None,
        "The checkpoint of another execution that it started from.",
    )
    children = connection(
        CHILDREN_OF_EXECUTION, _EXECUTION, EXECUTIONS_LISTED, _KEY, "The executions that it started."
    )
    steps = connection(STEPS_OF_EXECUTION, Step, STEPS_LISTED, _KEY, "Every attempt at every step.")
    logs = connection(
        LOGS_OF_EXECUTION,
        LogEntry,
        LOGS_LISTED,
        _KEY,
        "What was logged, by its steps or by itself; at most 1,000 a page.",
    )
    checkpoints = connection(
        CHECKPOINTS_OF_EXECUTION,
        Checkpoint,
        CHECKPOINTS_LISTED,
        _KEY,
        "The versions of its state that were named to come back to.",
    )
    events = connection(
        EVENTS_OF_EXECUTION, Event, EVENTS_LISTED, _KEY, "Its history: every change, with who made it."
    )

    latest_checkpoint = loaded(
        _latest_checkpoints, Checkpoint | None, "The newest checkpoint.", "id", source=CHECKPOINTS
    )
    state = loaded(_states, ExecutionState, "Its state as it stands now.", "id", source=STATES)
    state_at = loaded(
        _states_at,
        ExecutionState,
        "Its state as it stood at a version; an error for a version that never was.",
        "id",
    )
    metrics = loaded(
        load_metrics,
        ExecutionMetrics,
        "Numbers about it: derived from its steps, and reported by its engine.",
        *METRICS_COLUMNS,
    )
    why_stuck = loaded(
        _why_stuck,
        WhyStuck,
        "Why it is stalled: its lease, its slow steps, what a recovery would do.",
        "id",
    )


async def load_leases(info: Info, payloads: Sequence[Any]) -> list[Lease | NotFound | StaleLease]:
    """The leases on the executions that writes were about; never one that was given to another since."""
    keys = [(payload.written["execution"]["id"],) for payload in payloads]
    rows = await required_rows(info, Kind.EXECUTION, keys)
    return [
        row if isinstance(row, NotFound) else _own_lease(row, payload.epoch)
        for row, payload in zip(rows, payloads, strict=True)
    ]


def _own_lease(row: Row, epoch: int | None) -> Lease | StaleLease:
    if epoch in (None, row["lease_epoch"]):
        return Lease.of(row)
    return StaleLease(epoch, row["lease_holder"], row["lease_epoch"], row["lease_expires_at"])
