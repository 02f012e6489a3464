"""`create-`, `update-` and `deleteRetentionPolicy`, `applyRetention`, `placeHold`, `releaseHold`."""

from contextlib import aclosing
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import strawberry

from db.errors import InvalidInput
from db.retention import holds, policies
from db.retention.runs import go_on, start_run
from graph.api import errors
from graph.api.retention.inputs import (
    _FOR,
    ApplyRetentionInput,
    CreateRetentionPolicyInput,
    DeleteRetentionPolicyInput,
    PlaceHoldInput,
    ReleaseHoldInput,
    UpdateRetentionPolicyInput,
    rule_columns,
)
from graph.api.retention.types import Hold, RetentionPolicy, RetentionRun
from graph.api.writing import accepted, required_text
from graph.arguments import given
from graph.auth.scopes import ADMIN
from graph.context import Info
from graph.ids import Kind, decode_as, subject_of
from graph.written import Written, written

_LONGEST = timedelta(seconds=20)


@strawberry.type(description="The retention policy as it is now.")
class RetentionPolicyPayload(Written):
    """What creating and changing answer."""

    policy = written("policy", RetentionPolicy, "The policy.", scope=ADMIN)


@strawberry.type(description="What was deleted.")
class DeleteRetentionPolicyPayload:
    deleted_id: strawberry.ID = strawberry.field(description="The id that the policy had.")


@strawberry.type(description="The run, which may not be over yet: see its status.")
class ApplyRetentionPayload(Written):
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
        write = accepted(info, "createRetentionPolicy", input)
        name = required_text("name", input.name, 200)
        columns = {"name": name, "enabled": input.enabled, **rule_columns(input)}
        return _payload(await policies.create_policy(info.context.database, write, columns))

    @strawberry.mutation(
        description="Change a retention policy. A run that goes by it stops at its next batch.",
        directives=[ADMIN],
    )
    async def update_retention_policy(
        self,
        info: Info,
        input: Annotated[UpdateRetentionPolicyInput, strawberry.argument(description="What to change.")],
    ) -> UpdateRetentionPolicyResult:
        write = accepted(info, "updateRetentionPolicy", input)
        key = decode_as(Kind.POLICY, input.policy_id)[0]
        enabled = given(input.enabled)
        columns = rule_columns(input) | ({} if enabled is None else {"enabled": enabled})
        changed = await policies.update_policy(
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
        write = accepted(info, "deleteRetentionPolicy", input)
        key = decode_as(Kind.POLICY, input.policy_id)[0]
        await policies.delete_policy(info.context.database, write, key)
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


@strawberry.type(description="The hold.")
class PlaceHoldPayload(Written):
    hold = written("hold", Hold, "The hold.", scope=ADMIN)


@strawberry.type(description="What is on hold no more.")
class ReleaseHoldPayload:
    released_id: strawberry.ID = strawberry.field(description="The execution or workflow version.")


PlaceHoldResult = Annotated[
    PlaceHoldPayload | errors.Refused | errors.NotFound | errors.AlreadyExists,
    strawberry.union("PlaceHoldResult", description="The hold, or why there is none."),
]


ReleaseHoldResult = Annotated[
    ReleaseHoldPayload | errors.Refused | errors.NotFound,
    strawberry.union("ReleaseHoldResult", description="What was released, or why nothing was."),
]


@strawberry.type
class HoldMutations:
    @strawberry.mutation(
        description="Put an execution, or a workflow version with all its executions, on hold: neither "
        "retention nor anybody deletes them until it is released. Once this is answered nothing of them goes "
        "any more.",
        directives=[ADMIN],
    )
    async def place_hold(
        self, info: Info, input: Annotated[PlaceHoldInput, strawberry.argument(description="What, and why.")]
    ) -> PlaceHoldResult:
        write = accepted(info, "placeHold", input)
        subject, key = subject_of(input.subject_id)
        reason = required_text("reason", input.reason)
        await holds.place_hold(info.context.database, write, subject, key, reason)
        return PlaceHoldPayload(written={"hold": {"subject_id": key}})

    @strawberry.mutation(description="End a hold.", directives=[ADMIN])
    async def release_hold(
        self, info: Info, input: Annotated[ReleaseHoldInput, strawberry.argument(description="Which one.")]
    ) -> ReleaseHoldResult:
        write = accepted(info, "releaseHold", input)
        await holds.release_hold(info.context.database, write, *subject_of(input.subject_id))
        return ReleaseHoldPayload(released_id=input.subject_id)
