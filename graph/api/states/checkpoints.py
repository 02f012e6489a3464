"""Checkpoint: a version of a state that was named, and what lies between two of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db.errors import InvalidInput, NotFound
from db.jsonb import same_json
from db.queries import states, steps
from db.queries.pages import Row
from db.queries.sources import CHECKPOINTS, EXECUTIONS, STEPS
from graph.api.states.types import ExecutionState
from graph.auth.scopes import READ
from graph.builders import build
from graph.context import Info
from graph.ids import Kind, decode_as
from graph.loaded import loaded, reference
from graph.nodes import Node, node_of, required_rows
from graph.scalars import JSON, Long

if TYPE_CHECKING:
    from graph.api.executions.types import Execution
    from graph.api.steps.types import Step

_EXECUTION = Annotated["Execution", strawberry.lazy("graph.api.executions.types")]
_CHECKPOINT = Annotated["Checkpoint", strawberry.lazy("graph.api.states.checkpoints")]
_STEP = Annotated["Step", strawberry.lazy("graph.api.steps.types")]


@strawberry.type(description="How a variable differs between two checkpoints.")
class VariableDifference:
    """One key at two versions."""

    key: str = strawberry.field(description="The variable's name.")
    before: JSON | None = strawberry.field(description="Its value then; null also where it was not there.")
    after: JSON | None = strawberry.field(description="Its value now; null also where it is not there.")


@strawberry.type(description="What lies between two checkpoints.")
class CheckpointDifference:
    added: list[VariableDifference] = strawberry.field(description="Variables that were not there.")
    changed: list[VariableDifference] = strawberry.field(description="Variables with another value.")
    removed: list[VariableDifference] = strawberry.field(description="Variables that are not there any more.")
    steps_done: list[_STEP] = strawberry.field(description="The attempts that were done in between.")


From = Annotated[
    strawberry.ID, strawberry.argument(name="from", description="The checkpoint to compare with.")
]


async def _differences(
    info: Info, rows: Sequence[Row], from_: From
) -> list[CheckpointDifference | InvalidInput]:
    """All states in one statement, all steps in another."""
    (other,) = await required_rows(info, Kind.CHECKPOINT, [decode_as(Kind.CHECKPOINT, from_)])
    if isinstance(other, NotFound):
        raise other
    own = [row for row in rows if row["execution_id"] == other["execution_id"]]
    places = [(row["execution_id"], row["state_version"]) for row in [other, *own]]
    before, *after = await info.context.loaders.batch(states.fetch_variables, places)
    spans = [(row["execution_id"], *sorted((other["event_seq"], row["event_seq"]))) for row in own]
    done = iter(await info.context.loaders.batch(steps.fetch_done_between, spans))
    values = iter(after)

    def difference(row: Row) -> CheckpointDifference | InvalidInput:
        if row["execution_id"] != other["execution_id"]:
            return InvalidInput(f"{from_} is a checkpoint of another execution; there is nothing to compare.")
        return CheckpointDifference(
            **_compared(before, next(values)), steps_done=[build(STEPS, step) for step in next(done)]
        )

    return [difference(row) for row in rows]


@node_of(Kind.CHECKPOINT, CHECKPOINTS)
@strawberry.type(description="A version of an execution's state that was named to come back to.")
class Checkpoint(Node):
    seq: Long = strawberry.field(description="Counts the checkpoints of the execution, from 1, without gaps.")
    step_key: str | None = strawberry.field(directives=[READ], description="The step that it was taken at.")
    label: str | None = strawberry.field(directives=[READ], description="Its name for people.")
    state_version: Long = strawberry.field(description="The state's version that it names.")
    data: JSON | None = strawberry.field(
        directives=[READ], description="What the engine keeps beside the state."
    )
    created_by: str = strawberry.field(directives=[READ], description="Who took it.")
    created_at: datetime = strawberry.field(description="When it was taken.")

    parent = reference(
        CHECKPOINTS,
        ("execution_id", "parent_seq"),
        _CHECKPOINT | None,
        "The checkpoint that it followed.",
    )
    diff = loaded(
        _differences,
        CheckpointDifference,
        "What changed from another checkpoint of the same execution to this one.",
        "execution_id",
        "state_version",
        "event_seq",
    )

    @strawberry.field(description="The state at this checkpoint.")
    def state(self) -> ExecutionState:
        """Read back from the versioned rows."""
        return ExecutionState.at(self.row["execution_id"], self.state_version)

    execution = reference(EXECUTIONS, ("execution_id",), _EXECUTION, "The execution that it belongs to.")


def _compared(before: dict[str, str], after: dict[str, str]) -> dict[str, list[VariableDifference]]:
    """What differs, by the values that the texts stand for."""

    def entry(key: str) -> VariableDifference:
        return VariableDifference(key=key, before=JSON(before.get(key)), after=JSON(after.get(key)))

    common = before.keys() & after.keys()
    return {
        "added": [entry(key) for key in sorted(after.keys() - before.keys())],
        "changed": [entry(key) for key in sorted(common) if not same_json(before[key], after[key])],
        "removed": [entry(key) for key in sorted(before.keys() - after.keys())],
    }
