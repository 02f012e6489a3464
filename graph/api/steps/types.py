"""Step: one attempt at one step of an execution."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import strawberry

from db.queries.sources import EXECUTIONS, LOGS_OF_STEP, STEPS
from graph.api.failures import Failure
from graph.api.records.filters import LOGS_LISTED
from graph.api.records.types import LogEntry
from graph.auth.scopes import READ
from graph.connections import connection
from graph.enums import StepStatus
from graph.ids import Kind
from graph.loaded import reference
from graph.nodes import Node, node_of
from graph.scalars import JSON, JSONObject, Long

if TYPE_CHECKING:
    from graph.api.executions.types import Execution


_EXECUTION = Annotated["Execution", strawberry.lazy("graph.api.executions.types")]


@node_of(Kind.STEP, STEPS)
@strawberry.type(description="One attempt at one step; a retry is another step with the same key.")
class Step(Node):
    seq: Long = strawberry.field(description="Counts the attempts of the execution, from 1, without gaps.")
    key: str = strawberry.field(description="Names the step within its workflow.")
    attempt: int = strawberry.field(description="Counts the attempts at this step, from 1.")
    name: str = strawberry.field(directives=[READ], description="The step's name for people.")
    type: str = strawberry.field(directives=[READ], description="What kind of step it is.")
    status: StepStatus = strawberry.field(description="Where it stands.")
    input: JSON | None = strawberry.field(directives=[READ], description="What it was given.")
    output: JSON | None = strawberry.field(
        directives=[READ], description="What it came to; only when COMPLETED."
    )
    depends_on: list[str] = strawberry.field(
        directives=[READ], description="The keys of the steps that come before it."
    )
    metrics: JSONObject | None = strawberry.field(
        directives=[READ], description="What the engine measured of it: CPU, memory, bytes."
    )
    created_at: datetime = strawberry.field(description="When it was recorded.")
    started_at: datetime | None = strawberry.field(description="When it started.")
    completed_at: datetime | None = strawberry.field(description="When it ended, in whatever way.")

    @strawberry.field(directives=[READ], description="What went wrong, where it did not end well.")
    def error(self) -> Failure | None:
        return Failure.from_json(self.row["error"])

    @strawberry.field(directives=[READ], description="From its start to its end; null until both are known.")
    def duration(self) -> timedelta | None:
        started, completed = self.row["started_at"], self.row["completed_at"]
        return completed - started if started and completed else None

    execution = reference(EXECUTIONS, ("execution_id",), _EXECUTION, "The execution that it belongs to.")
    logs = connection(
        LOGS_OF_STEP,
        LogEntry,
        LOGS_LISTED,
        ("execution_id", "seq"),
        "What this attempt logged; at most 1,000 a page.",
    )
