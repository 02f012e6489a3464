"""Execution: one run of a workflow, and everything that belongs to it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from db.queries.pages import Row
from db.queries.sources import (
    CHECKPOINTS,
    CHECKPOINTS_OF_EXECUTION,
    CHILDREN_OF_EXECUTION,
    EVENTS_OF_EXECUTION,
    EXECUTIONS,
    LOGS_OF_EXECUTION,
    STEPS_OF_EXECUTION,
    WORKFLOWS,
)
from graph.auth.scopes import READ
from graph.connections import connection
from graph.context import Info
from graph.enums import ExecutionStatus, TriggerType
from graph.ids import Kind
from graph.inputs.executions import EXECUTIONS_LISTED
from graph.inputs.records import CHECKPOINTS_LISTED, EVENTS_LISTED, LOGS_LISTED, STEPS_LISTED
from graph.nodes import Node, build, load_node, load_optional, node_of
from graph.scalars import JSON, JSONObject, Long
from graph.types.common import Failure
from graph.types.holds import Hold, load_hold
from graph.types.metrics import ExecutionMetrics
from graph.types.records import Event, LogEntry
from graph.types.states import Checkpoint, ExecutionState, state_at
from graph.types.steps import Step
from graph.types.stuck import WhyStuck

if TYPE_CHECKING:
    from graph.types.workflows import Workflow

_EXECUTION = Annotated["Execution", strawberry.lazy("graph.types.executions")]


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


@node_of(Kind.EXECUTION, EXECUTIONS)
@strawberry.type(description="One run of a workflow version.")
class Execution(Node):
    """A row of executions."""

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

    @strawberry.field(directives=[READ], description="What went wrong, where it did not end well.")
    def error(self) -> Failure | None:
        """From the row's JSON."""
        return Failure.from_json(self.row["error"])

    @strawberry.field(directives=[READ], description="From its start to its end; null until both are known.")
    def duration(self) -> timedelta | None:
        """Derived."""
        started, completed = self.row["started_at"], self.row["completed_at"]
        return completed - started if started and completed else None

    @strawberry.field(
        description="The hold on itself; null where there is none. Its workflow version may be on hold too.",
        directives=[READ],
    )
    async def hold(self, info: Info) -> Hold | None:
        """One statement a level."""
        return await load_hold(info, self.row["id"])

    @strawberry.field(description="Its lease.")
    def lease(self) -> Lease:
        """Part of the row."""
        return Lease.of(self.row)

    @strawberry.field(description="The workflow version that it runs.", directives=[READ])
    async def workflow(self, info: Info) -> Annotated["Workflow", strawberry.lazy("graph.types.workflows")]:
        """A foreign key, so always there."""
        workflow: Workflow = await load_optional(info, WORKFLOWS, (self.row["workflow_id"],))
        return workflow

    @strawberry.field(description="The execution that started it.", directives=[READ])
    async def parent(self, info: Info) -> "Execution | None":
        """None for one that nothing started."""
        if self.row["parent_id"] is None:
            return None
        parent: Execution | None = await load_optional(info, EXECUTIONS, (self.row["parent_id"],))
        return parent

    @strawberry.field(
        description="The checkpoint of another execution that it started from.", directives=[READ]
    )
    async def forked_from(self, info: Info) -> Checkpoint | None:
        """None for one that started afresh."""
        base = (self.row["forked_from_execution_id"], self.row["forked_from_seq"])
        if base[0] is None:
            return None
        checkpoint: Checkpoint | None = await load_optional(info, CHECKPOINTS, base)
        return checkpoint

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

    @strawberry.field(description="The newest checkpoint.", directives=[READ])
    async def latest_checkpoint(self, info: Info) -> Checkpoint | None:
        """None before the first."""
        row = await info.context.loaders.latest_checkpoints.load(self.row["id"])
        return None if row is None else build(CHECKPOINTS, row)

    @strawberry.field(description="Its state as it stands now.", directives=[READ])
    async def state(self, info: Info) -> ExecutionState:
        """The head; every execution is created with one."""
        state: ExecutionState = await load_node(info, Kind.STATE, (self.row["id"],))
        return state

    @strawberry.field(
        description="Its state as it stood at a version; an error for a version that never was.",
        directives=[READ],
    )
    async def state_at(
        self,
        info: Info,
        version: Annotated[
            Long, strawberry.argument(description="The state's version; 0 is the empty state.")
        ],
    ) -> ExecutionState:
        """Read back from the versioned rows."""
        return await state_at(info, self.row["id"], version)

    @strawberry.field(
        description="Numbers about it: derived from its steps, and reported by its engine.", directives=[READ]
    )
    async def metrics(self, info: Info) -> ExecutionMetrics:
        """One statement a level."""
        return ExecutionMetrics(row=self.row, derived=await info.context.loaders.metrics.load(self.row["id"]))

    @strawberry.field(
        description="Why it does not get on: its lease, its slow steps, what a recovery would do.",
        directives=[READ],
    )
    async def why_stuck(self, info: Info) -> WhyStuck:
        """One statement a level."""
        return await WhyStuck.load(info, self.row["id"])
