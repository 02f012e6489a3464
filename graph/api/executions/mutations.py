"""What creates, moves, changes, deletes, recovers and forks an execution."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.errors import InvalidInput, NotFound
from db.queries.pages import Row
from db.queries.sources import STEPS
from db.writes import executions, forks, recovery
from graph.api import errors
from graph.api.executions.inputs import (
    CreateExecutionInput,
    DeleteExecutionInput,
    ForkExecutionInput,
    RecoverExecutionInput,
    TransitionExecutionInput,
    UpdateExecutionInput,
)
from graph.api.executions.types import Execution, Lease, load_leases
from graph.api.states.checkpoints import Checkpoint
from graph.api.states.types import ExecutionState
from graph.api.steps.types import Step
from graph.api.writing import (
    accepted,
    document,
    execution_key,
    failure,
    lease_time,
    required_text,
    text,
    words,
)
from graph.arguments import given
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.enums import ExecutionStatus
from graph.ids import Kind, decode_as, encode
from graph.loaded import fetch_listed, loaded
from graph.written import Written, written


@strawberry.type(description="The execution as it is now.")
class ExecutionPayload(Written):
    """What creating, moving and forking answer."""

    execution = written("execution", Execution, "The execution.")


@strawberry.type(description="What was deleted.")
class DeleteExecutionPayload:
    deleted_id: strawberry.ID = strawberry.field(description="The id that the execution had.")


async def _kept(info: Info, payloads: Sequence["RecoverExecutionPayload"]) -> list[list[Row]]:
    return await fetch_listed(info, STEPS, [payload.kept for payload in payloads])


async def _rerun(info: Info, payloads: Sequence["RecoverExecutionPayload"]) -> list[list[Row]]:
    return await fetch_listed(info, STEPS, [payload.rerun for payload in payloads])


@strawberry.type(description="What a recovery did, or would do.")
class RecoverExecutionPayload(Written):
    kept: strawberry.Private[list[tuple[UUID, int]]]
    rerun: strawberry.Private[list[tuple[UUID, int]]]
    epoch: strawberry.Private[int | None]
    execution = written("execution", Execution, "The execution as it is now.")
    state: ExecutionState = strawberry.field(description="The state that was, or would be, restored.")
    checkpoint = written(
        "checkpoint",
        Checkpoint,
        "The checkpoint used; null where there is none, and it starts over.",
        optional=True,
    )
    lease = loaded(load_leases, Lease, "The lease as it is now.", scope=WRITE)
    kept_steps = loaded(_kept, list[Step], "The attempts that stay done.", source=STEPS, scope=WRITE)
    rerun_steps = loaded(
        _rerun,
        list[Step],
        "The steps to run again: their new PENDING attempts, or in a plan their last ones.",
        source=STEPS,
        scope=WRITE,
    )


CreateExecutionResult = Annotated[
    ExecutionPayload | errors.Refused | errors.NotFound,
    strawberry.union("CreateExecutionResult", description="The execution, or why nothing changed."),
]
TransitionExecutionResult = Annotated[
    ExecutionPayload | errors.Refused | errors.NotFound | errors.StaleLease | errors.InvalidTransition,
    strawberry.union("TransitionExecutionResult", description="The execution, or why nothing changed."),
]
UpdateExecutionResult = Annotated[
    ExecutionPayload | errors.Refused | errors.NotFound | errors.StaleLease,
    strawberry.union("UpdateExecutionResult", description="The execution, or why nothing changed."),
]
ForkExecutionResult = Annotated[
    ExecutionPayload | errors.Refused | errors.NotFound,
    strawberry.union("ForkExecutionResult", description="The execution, or why nothing changed."),
]
DeleteExecutionResult = Annotated[
    DeleteExecutionPayload | errors.Refused | errors.NotFound,
    strawberry.union("DeleteExecutionResult", description="What was deleted, or why nothing was."),
]
RecoverExecutionResult = Annotated[
    RecoverExecutionPayload | errors.Refused | errors.NotFound | errors.StaleLease,
    strawberry.union("RecoverExecutionResult", description="What was done, or why nothing was."),
]


@strawberry.type
class ExecutionMutations:
    @strawberry.mutation(
        description="Create an execution, PENDING until an engine claims it.", directives=[WRITE]
    )
    async def create_execution(
        self,
        info: Info,
        input: Annotated[CreateExecutionInput, strawberry.argument(description="What it is.")],
    ) -> CreateExecutionResult:
        """One row of executions, with its state and first event."""
        write = accepted(info, "createExecution", input)
        parent = given(input.parent_id)
        columns: dict[str, Any] = {
            "input": document(info, "input", input.input),
            "attributes": document(info, "attributes", input.attributes) or {},
            "tags": words("tags", input.tags),
            "trigger_type": input.trigger_type,
            "correlation_id": text("correlationId", input.correlation_id),
            "parent_id": None if parent is None else execution_key(parent),
        }
        variables: Any = document(info, "variables", input.variables) or {}
        key = await executions.create_execution(
            info.context.database, write, _workflow(input), columns, variables
        )
        return _payload(key)

    @strawberry.mutation(
        description="Move an execution to another status: start, pause, resume, end or cancel it. The status "
        "that it has already changes nothing, and takes no other result or error.",
        directives=[WRITE],
    )
    async def transition_execution(
        self,
        info: Info,
        input: Annotated[TransitionExecutionInput, strawberry.argument(description="Which, and where to.")],
    ) -> TransitionExecutionResult:
        write = accepted(info, "transitionExecution", input)
        key = execution_key(input.execution_id)
        result, error = document(info, "result", input.result), failure(info, input.error)
        cascade = given(input.cascade)
        await executions.transition_execution(
            info.context.database,
            key,
            write,
            input.to,
            result,
            error,
            cascade=input.to == ExecutionStatus.CANCELLED if cascade is None else cascade,
        )
        return _payload(key)

    @strawberry.mutation(
        description="Change the tags and attributes of an execution, also of one that has ended.",
        directives=[WRITE],
    )
    async def update_execution(
        self,
        info: Info,
        input: Annotated[UpdateExecutionInput, strawberry.argument(description="Which, and what to change.")],
    ) -> UpdateExecutionResult:
        """Its row and an event."""
        write = accepted(info, "updateExecution", input)
        key = execution_key(input.execution_id)
        tags = None if given(input.tags) is None else words("tags", input.tags)
        patch: Any = document(info, "attributesPatch", input.attributes_patch)
        await executions.update_execution(info.context.database, key, write, tags, patch)
        return _payload(key)

    @strawberry.mutation(
        description="Delete an execution that has ended, and everything of it.", directives=[WRITE]
    )
    async def delete_execution(
        self,
        info: Info,
        input: Annotated[DeleteExecutionInput, strawberry.argument(description="Which one.")],
    ) -> DeleteExecutionResult:
        """Rows of the whole tree."""
        write = accepted(info, "deleteExecution", input)
        await executions.delete_execution(info.context.database, write, execution_key(input.execution_id))
        return DeleteExecutionPayload(deleted_id=input.execution_id)

    @strawberry.mutation(
        description="Bring an execution back to a checkpoint: restore its state, fence out its old worker, "
        "and reset the steps that came after. Refused while somebody else's lease is valid, unless its epoch "
        "is given or `force` says so.",
        directives=[WRITE],
    )
    async def recover_execution(
        self,
        info: Info,
        input: Annotated[RecoverExecutionInput, strawberry.argument(description="Which, and whereto.")],
    ) -> RecoverExecutionResult:
        """One transaction, or only its plan."""
        write = accepted(info, "recoverExecution", input)
        key = execution_key(input.execution_id)
        done = await recovery.recover_execution(
            info.context.database,
            key,
            write,
            _checkpoint(input, key),
            _lease(input),
            plan=input.plan,
            force=input.force,
        )
        return _recovered(key, done)

    @strawberry.mutation(
        description="Start a new execution from a checkpoint of another one.", directives=[WRITE]
    )
    async def fork_execution(
        self,
        info: Info,
        input: Annotated[ForkExecutionInput, strawberry.argument(description="Where from.")],
    ) -> ForkExecutionResult:
        """A new row, with copies of the state and of the steps that were done."""
        write = accepted(info, "forkExecution", input)
        execution, seq = _checkpoint_key(input.checkpoint_id)
        patch: Any = document(info, "variablesPatch", input.variables_patch) or {}
        return _payload(await forks.fork_execution(info.context.database, execution, seq, write, patch))


def _workflow(input: CreateExecutionInput) -> UUID | tuple[str, str | None]:
    by_id, by_name, version = (
        given(input.workflow_id),
        given(input.workflow_name),
        given(input.workflow_version),
    )
    if (by_id is None) == (by_name is None) or (by_id is not None and version is not None):
        raise InvalidInput("Name the workflow by `workflowId`, or by `workflowName` with `workflowVersion`.")
    if by_id is not None:
        return decode_as(Kind.WORKFLOW, by_id)[0]
    return required_text("workflowName", by_name or ""), version


def _checkpoint_key(value: strawberry.ID) -> tuple[UUID, int]:
    execution, *seq = decode_as(Kind.CHECKPOINT, value)
    return execution, seq[0]


def _checkpoint(input: RecoverExecutionInput, execution: UUID) -> int | None:
    asked = given(input.checkpoint_id)
    if asked is None:
        return None
    owner, seq = _checkpoint_key(asked)
    if owner != execution:
        raise NotFound("checkpoint", f"{asked} of execution {encode(Kind.EXECUTION, execution)}")
    return seq


def _lease(input: RecoverExecutionInput) -> tuple[str, timedelta] | None:
    holder = text("holder", input.holder)
    if holder is None and given(input.ttl) is not None:
        raise InvalidInput("A `ttl` goes with a `holder`.")
    return None if holder is None else (holder, lease_time(input.ttl))


def _recovered(key: UUID, done: recovery.Recovered) -> RecoverExecutionPayload:
    checkpoint = done.checkpoint
    return RecoverExecutionPayload(
        written={
            "execution": {"id": key},
            "checkpoint": None if checkpoint is None else {"execution_id": key, "seq": checkpoint},
        },
        state=ExecutionState.at(key, done.version),
        kept=[(key, seq) for seq in done.kept],
        rerun=[(key, seq) for seq in done.rerun],
        epoch=done.epoch,
    )


def _payload(key: UUID) -> ExecutionPayload:
    return ExecutionPayload(written={"execution": {"id": key}})
