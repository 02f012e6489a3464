"""`createRetentionPolicy`, `updateRetentionPolicy`, `deleteRetentionPolicy`, `applyRetention`."""

from contextlib import aclosing
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import strawberry

from db.errors import InvalidInput
from db.retention.runs import go_on, start_run
from db.writes import retention
from graph.api import errors
from graph.api.meaning import NULL_CLEARS, means_nothing
from graph.api.writing import WriteInput, accepted, required_text
from graph.arguments import given
from graph.auth.scopes import ADMIN
from graph.context import Info
from graph.enums import ExecutionStatus
from graph.ids import Kind, decode_as
from graph.inputs.retention import rule_columns
from graph.scalars import Long
from graph.types.retention import RetentionPolicy, RetentionRun
from graph.written import Written, written

_WORKFLOW = "Only executions of this workflow, in all its versions."
_STATUSES = "Only executions that ended so."
_EXECUTIONS = "How long after its end an execution goes, with everything of it."
_LOGS = "How long after an execution's end its log goes."
_CHECKPOINTS = "How long after an execution's end its checkpoints go that neither recovery nor a fork needs."
_LAST = "How many of the newest executions of each workflow are spared; 1 to 10,000."
_FOR = timedelta(seconds=10)
_LONGEST = timedelta(seconds=20)


@strawberry.input(description="A retention policy to be; at least one of the ages is given.")
class CreateRetentionPolicyInput(WriteInput):
    """Columns of retention_policies."""

    name: str = strawberry.field(description="Its name, unique.")
    workflow_name: str | None = strawberry.field(default=strawberry.UNSET, description=_WORKFLOW)
    statuses: list[ExecutionStatus] | None = strawberry.field(default=strawberry.UNSET, description=_STATUSES)
    keep_executions: timedelta | None = strawberry.field(default=strawberry.UNSET, description=_EXECUTIONS)
    keep_logs: timedelta | None = strawberry.field(default=strawberry.UNSET, description=_LOGS)
    keep_checkpoints: timedelta | None = strawberry.field(default=strawberry.UNSET, description=_CHECKPOINTS)
    keep_last: int | None = strawberry.field(default=strawberry.UNSET, description=_LAST)
    enabled: bool = strawberry.field(
        default=True, description="Whether it is applied by itself, and with all others."
    )


@strawberry.input(description="What to change of a retention policy; what is left out stays.")
class UpdateRetentionPolicyInput(WriteInput):
    """Columns of retention_policies."""

    policy_id: strawberry.ID = strawberry.field(description="Which one.")
    expected_revision: Long | None = strawberry.field(
        default=strawberry.UNSET,
        description="The revision that the caller has seen: with any other than the present one nothing "
        "changes.",
    )
    workflow_name: str | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_WORKFLOW} Null: of all."
    )
    statuses: list[ExecutionStatus] | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_STATUSES} Null: in any way."
    )
    keep_executions: timedelta | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_EXECUTIONS} Null: never."
    )
    keep_logs: timedelta | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_LOGS} Null: with the execution."
    )
    keep_checkpoints: timedelta | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=NULL_CLEARS,
        description=f"{_CHECKPOINTS} Null: with the execution.",
    )
    keep_last: int | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_LAST} Null: none."
    )
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether it is applied by itself, and with all others."
    )


@strawberry.input(description="A retention policy to delete.")
class DeleteRetentionPolicyInput(WriteInput):
    """A deletion."""

    policy_id: strawberry.ID = strawberry.field(description="Which one.")


@strawberry.input(description="Which policies to apply, and for how long.")
class ApplyRetentionInput(WriteInput):
    """A run."""

    policy_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="Which policy, enabled or not; without it, all that are enabled.",
    )
    max_duration: timedelta | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing(_FOR),
        description="How long to work on it before answering: 10 seconds unless given, at most 20. What is "
        "left then goes when it is applied again, by whomever.",
    )


@strawberry.type(description="The retention policy as it is now.")
class RetentionPolicyPayload(Written):
    """What creating and changing answer."""

    policy = written("policy", RetentionPolicy, "The policy.", scope=ADMIN)


@strawberry.type(description="What was deleted.")
class DeleteRetentionPolicyPayload:
    """What deleting answers."""

    deleted_id: strawberry.ID = strawberry.field(description="The id that the policy had.")


@strawberry.type(description="The run, which may not be over yet: see its status.")
class ApplyRetentionPayload(Written):
    """What applying answers."""

    run = written("run", RetentionRun, "The run, and its receipt.", scope=ADMIN)


CreateRetentionPolicyResult = Annotated[
    RetentionPolicyPayload | errors.Refused | errors.AlreadyExists,
    strawberry.union("CreateRetentionPolicyResult", description="The policy, or why nothing changed."),
]
UpdateRetentionPolicyResult = Annotated[
    RetentionPolicyPayload | errors.Refused | errors.NotFound | errors.VersionConflict,
    strawberry.union("UpdateRetentionPolicyResult", description="The policy, or why nothing changed."),
]
DeleteRetentionPolicyResult = Annotated[
    DeleteRetentionPolicyPayload | errors.Refused | errors.NotFound,
    strawberry.union("DeleteRetentionPolicyResult", description="What was deleted, or why nothing was."),
]
ApplyRetentionResult = Annotated[
    ApplyRetentionPayload | errors.Refused | errors.NotFound,
    strawberry.union("ApplyRetentionResult", description="The run, or why there is none."),
]


@strawberry.type
class RetentionMutations:
    """Part of the root."""

    @strawberry.mutation(
        description="Create a retention policy. From then on it is applied by itself, unless it is not "
        "enabled: see first what it would take, with `previewRetention`.",
        directives=[ADMIN],
    )
    async def create_retention_policy(
        self,
        info: Info,
        input: Annotated[CreateRetentionPolicyInput, strawberry.argument(description="What it says.")],
    ) -> CreateRetentionPolicyResult:
        """One row of retention_policies."""
        write = accepted(info, "createRetentionPolicy", input)
        name = required_text("name", input.name, 200)
        columns = {"name": name, "enabled": input.enabled, **rule_columns(input)}
        return _payload(await retention.create_policy(info.context.database, write, columns))

    @strawberry.mutation(
        description="Change a retention policy. A run that goes by it stops at its next batch.",
        directives=[ADMIN],
    )
    async def update_retention_policy(
        self,
        info: Info,
        input: Annotated[UpdateRetentionPolicyInput, strawberry.argument(description="What to change.")],
    ) -> UpdateRetentionPolicyResult:
        """Columns of one row."""
        write = accepted(info, "updateRetentionPolicy", input)
        key = decode_as(Kind.POLICY, input.policy_id)[0]
        enabled = given(input.enabled)
        columns = rule_columns(input) | ({} if enabled is None else {"enabled": enabled})
        changed = await retention.update_policy(
            info.context.database, write, key, columns, given(input.expected_revision)
        )
        return _payload(changed)

    @strawberry.mutation(
        description="Delete a retention policy; receipts keep what it said.", directives=[ADMIN]
    )
    async def delete_retention_policy(
        self,
        info: Info,
        input: Annotated[DeleteRetentionPolicyInput, strawberry.argument(description="Which one.")],
    ) -> DeleteRetentionPolicyResult:
        """One row."""
        write = accepted(info, "deleteRetentionPolicy", input)
        key = decode_as(Kind.POLICY, input.policy_id)[0]
        await retention.delete_policy(info.context.database, write, key)
        return DeleteRetentionPolicyPayload(deleted_id=input.policy_id)

    @strawberry.mutation(
        description="Let go what policies take, in bounded batches, or go on with a run that is not over.",
        directives=[ADMIN],
    )
    async def apply_retention(
        self,
        info: Info,
        input: Annotated[ApplyRetentionInput, strawberry.argument(description="Which, and how long.")],
    ) -> ApplyRetentionResult:
        """A run, or a part of it."""
        write = accepted(info, "applyRetention", input)
        seconds = _seconds(given(input.max_duration))
        policy = given(input.policy_id)
        only = None if policy is None else decode_as(Kind.POLICY, policy)[0]
        run = await start_run(info.context.database, write, only)
        async with aclosing(go_on(info.context.database, run, seconds)) as batches:
            async for _ in batches:
                pass
        return ApplyRetentionPayload(written={"run": {"id": run}})


def _seconds(length: timedelta | None) -> float:
    length = _FOR if length is None else length
    if not timedelta(0) < length <= _LONGEST:
        raise InvalidInput("`maxDuration` is more than nothing and at most 20 seconds.")
    return length.total_seconds()


def _payload(key: UUID) -> RetentionPolicyPayload:
    return RetentionPolicyPayload(written={"policy": {"id": key}})
