"""`saveState`, `saveStates`, `createCheckpoint`, `deleteCheckpoint`, `pruneCheckpoints`."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.errors import InvalidInput, NotFound
from db.writes import checkpoints, states
from db.writes.states import StateChange
from graph.api import errors
from graph.api.bulk import EACH, each
from graph.api.errors import Error
from graph.api.states.checkpoints import Checkpoint
from graph.api.states.inputs import (
    CreateCheckpointInput,
    DeleteCheckpointInput,
    PruneCheckpointsInput,
    SaveStateInput,
    SaveStatesInput,
    StateInput,
)
from graph.api.states.types import ExecutionState
from graph.api.writing import accepted, document, execution_key, text
from graph.arguments import given
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.ids import Kind, decode_as, encode
from graph.nodes import required_rows
from graph.scalars import Long
from graph.written import Columns, Written, written, written_by


def state_written(execution: UUID, version: int) -> Columns:
    """What is known of a state after a write: its version, but not whether that is the head still."""
    return {"of": execution, "version": version}


async def load_states(info: Info, payloads: Sequence[Written]) -> list[Any]:
    """The states at the versions that writes made: the head where that is still it."""
    places: list[Any] = [
        (state["of"], state["version"]) for one in payloads if (state := one.written["state"])
    ]
    heads = await required_rows(info, Kind.STATE, [(execution,) for execution, _ in places])
    return [
        head
        if isinstance(head, NotFound)
        else ExecutionState.from_row(head)
        if head["version"] == version
        else ExecutionState.at(execution, version)
        for (execution, version), head in zip(places, heads, strict=True)
    ]


@strawberry.type(description="The state that was saved.")
class SaveStatePayload(Written):
    state = written_by("state", load_states, ExecutionState, "The state at its new version.")


@strawberry.type(description="The checkpoint that was taken.")
class CreateCheckpointPayload(Written):
    checkpoint = written("checkpoint", Checkpoint, "The checkpoint.")


@strawberry.type(description="What went, or would go.")
class DeleteCheckpointsPayload:
    """What deleting and pruning answer."""

    deleted_ids: list[strawberry.ID] = strawberry.field(description="The ids that the checkpoints had.")
    state_rows: Long = strawberry.field(
        description="How many rows of variables went with them: those that no kept version can see."
    )


SaveStateResult = Annotated[
    SaveStatePayload
    | errors.Refused
    | errors.NotFound
    | errors.VersionConflict
    | errors.StaleLease
    | errors.InvalidTransition,
    strawberry.union("SaveStateResult", description="The state, or why nothing changed."),
]
CreateCheckpointResult = Annotated[
    CreateCheckpointPayload | errors.Refused | errors.NotFound | errors.StaleLease | errors.InvalidTransition,
    strawberry.union("CreateCheckpointResult", description="The checkpoint, or why there is none."),
]
DeleteCheckpointResult = Annotated[
    DeleteCheckpointsPayload | errors.Refused | errors.NotFound,
    strawberry.union("DeleteCheckpointResult", description="What went, or why nothing did."),
]
PruneCheckpointsResult = Annotated[
    DeleteCheckpointsPayload | errors.Refused | errors.NotFound,
    strawberry.union("PruneCheckpointsResult", description="What went, or why nothing did."),
]


@strawberry.type(description="What became of each save.")
class SaveStatesPayload:
    results: list[SaveStateResult] = strawberry.field(description=f"As of `saveState`: {EACH}.")


@strawberry.type
class StateMutations:
    @strawberry.mutation(description="Save an execution's state under its next version.", directives=[WRITE])
    async def save_state(
        self, info: Info, input: Annotated[SaveStateInput, strawberry.argument(description="What to save.")]
    ) -> SaveStateResult:
        return await save(info, input)

    @strawberry.mutation(
        description="Name the present version of an execution's state, to come back to.", directives=[WRITE]
    )
    async def create_checkpoint(
        self,
        info: Info,
        input: Annotated[CreateCheckpointInput, strawberry.argument(description="What to keep.")],
    ) -> CreateCheckpointResult:
        """One row, which copies nothing."""
        write = accepted(info, "createCheckpoint", input)
        key = execution_key(input.execution_id)
        label, data = text("label", input.label), document(info, "data", input.data)
        seq = await checkpoints.create_checkpoint(
            info.context.database, key, write, text("stepKey", input.step_key), label, data
        )
        return CreateCheckpointPayload(written={"checkpoint": {"execution_id": key, "seq": seq}})

    @strawberry.mutation(description="Delete one checkpoint.", directives=[WRITE])
    async def delete_checkpoint(
        self,
        info: Info,
        input: Annotated[DeleteCheckpointInput, strawberry.argument(description="Which one.")],
    ) -> DeleteCheckpointResult:
        """One row; those that followed it follow the one before."""
        write = accepted(info, "deleteCheckpoint", input)
        key, *seq = decode_as(Kind.CHECKPOINT, input.checkpoint_id)
        await checkpoints.delete_checkpoint(info.context.database, key, seq[0], write)
        return DeleteCheckpointsPayload(deleted_ids=[input.checkpoint_id], state_rows=Long(0))

    @strawberry.mutation(
        description="Delete old checkpoints, and the versions of variables that no kept one can see.",
        directives=[WRITE],
    )
    async def prune_checkpoints(
        self,
        info: Info,
        input: Annotated[PruneCheckpointsInput, strawberry.argument(description="How many stay.")],
    ) -> PruneCheckpointsResult:
        """Rows of checkpoints and of their variables."""
        write = accepted(info, "pruneCheckpoints", input)
        key = execution_key(input.execution_id)
        if input.keep_last < 0:
            raise InvalidInput(f"`keepLast` can't be negative; it was {input.keep_last}.")
        seqs, rows = await checkpoints.prune_checkpoints(
            info.context.database, key, write, input.keep_last, dry_run=input.dry_run
        )
        ids = [strawberry.ID(encode(Kind.CHECKPOINT, key, seq)) for seq in seqs]
        return DeleteCheckpointsPayload(deleted_ids=ids, state_rows=Long(rows))

    @strawberry.mutation(
        description="Save many states. Each is all or nothing by itself, with its own epoch, expected "
        "version and idempotency key, as by `saveState`.",
        directives=[WRITE],
    )
    async def save_states(
        self, info: Info, input: Annotated[SaveStatesInput, strawberry.argument(description="The saves.")]
    ) -> SaveStatesPayload:
        """One request to the writer for each."""
        results: list[SaveStatePayload | Error] = await each(info, save, input.saves)
        return SaveStatesPayload(results=results)  # type: ignore[arg-type]


async def save(info: Info, input: SaveStateInput) -> SaveStatePayload:
    """Save one state; raises the write's refusals."""
    write = accepted(info, "saveState", input)
    key = execution_key(input.execution_id)
    version = await states.save_state(info.context.database, key, write, state_change(info, input))
    return SaveStatePayload(written={"state": state_written(key, version)})


def state_change(info: Info, value: StateInput) -> StateChange:
    """What `db` saves."""
    variables: Any = document(info, "variables", value.variables)
    patch: Any = document(info, "variablesPatch", value.variables_patch)
    appends: Any = document(info, "variablesAppend", value.variables_append)
    lists = {
        "completed_steps": given(value.completed_steps),
        "failed_steps": given(value.failed_steps),
        "skipped_steps": given(value.skipped_steps),
    }
    clearable = {"current_step": value.current_step, "parallel_groups": value.parallel_groups}
    document(info, "parallelGroups", value.parallel_groups)
    fields: dict[str, Any] = {
        name: entry for name, entry in clearable.items() if entry is not strawberry.UNSET
    }
    fields |= {name: entry for name, entry in lists.items() if entry is not None}
    return StateChange(variables, patch, appends, fields, given(value.expected_version))
