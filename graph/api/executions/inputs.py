"""What mutations of executions take."""

from datetime import timedelta

import strawberry

from graph.api.meaning import means_nothing
from graph.api.writing import (
    LEASE_TIME,
    EngineInput,
    FailureInput,
    WriteInput,
)
from graph.enums import ExecutionStatus, TriggerType
from graph.scalars import JSON, JSONObject


@strawberry.input(
    description="An execution to be: of `workflowId`, or of `workflowName` in `workflowVersion`."
)
class CreateExecutionInput(WriteInput):
    """Columns of executions, and the first variables."""

    workflow_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The workflow version to run."
    )
    workflow_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="The name of the workflow to run."
    )
    workflow_version: str | None = strawberry.field(
        default=strawberry.UNSET, description="Its version; without it the one created last."
    )
    input: JSON | None = strawberry.field(default=strawberry.UNSET, description="What it is given.")
    variables: JSONObject | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing({}),
        description="What its state begins with, as version 1.",
    )
    attributes: JSONObject | None = strawberry.field(
        default=strawberry.UNSET, metadata=means_nothing({}), description="Searchable facts about it."
    )
    tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, metadata=means_nothing([]), description="Free words to find it by."
    )
    trigger_type: TriggerType = strawberry.field(default=TriggerType.API, description="What sets it off.")
    correlation_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="The caller's own id for what it belongs to."
    )
    parent_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The execution that starts it."
    )


@strawberry.input(description="An execution and the status it shall have.")
class TransitionExecutionInput(EngineInput):
    """A move: RUNNING starts or resumes, PAUSED pauses, CANCELLED cancels."""

    execution_id: strawberry.ID = strawberry.field(description="Which one.")
    to: ExecutionStatus = strawberry.field(description="Where it goes.")
    result: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="What it came to; with COMPLETED only."
    )
    error: FailureInput | None = strawberry.field(
        default=strawberry.UNSET, description="What went wrong; with FAILED, CANCELLED or TIMED_OUT only."
    )
    cascade: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether its children that go on are cancelled with it, and theirs: with an end only; "
        "true for CANCELLED unless given, else false. Their events say which parent closed (`parentClosed`).",
    )


@strawberry.input(description="What an execution is found by; what is left out stays.")
class UpdateExecutionInput(EngineInput):
    execution_id: strawberry.ID = strawberry.field(description="Which one.")
    tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="The tags that it shall have, in the place of all others."
    )
    attributes_patch: JSONObject | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing({}),
        description="Changes to the attributes, as a JSON merge patch (RFC 7396): null takes one away.",
    )


@strawberry.input(description="An execution to delete; it must have ended.")
class DeleteExecutionInput(WriteInput):
    execution_id: strawberry.ID = strawberry.field(description="Which one.")


@strawberry.input(description="An execution to bring back to a checkpoint.")
class RecoverExecutionInput(EngineInput):
    """A recovery, or the plan of one."""

    execution_id: strawberry.ID = strawberry.field(description="Which one.")
    checkpoint_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="Where to go back to; without it to the last checkpoint of its present line.",
    )
    holder: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Who takes the lease; the execution is then RUNNING, and PENDING without.",
    )
    ttl: timedelta | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing(LEASE_TIME),
        description="How long the lease lasts; 30 seconds unless given.",
    )
    plan: bool = strawberry.field(default=False, description="Only tell what would be done.")
    force: bool = strawberry.field(
        default=False,
        description="Take the lease even from somebody who is alive, whose steps then run again.",
    )


@strawberry.input(description="A checkpoint to start a new execution from.")
class ForkExecutionInput(WriteInput):
    checkpoint_id: strawberry.ID = strawberry.field(description="Where it starts.")
    variables_patch: JSONObject | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing({}),
        description="Changes to the variables, as a JSON merge patch (RFC 7396).",
    )


MOST_CLAIMED = 100


@strawberry.input(description="How many executions to claim, for whom.")
class ClaimExecutionsInput(WriteInput):
    holder: str = strawberry.field(description="Who takes the leases.")
    ttl: timedelta | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing(LEASE_TIME),
        description="How long the leases last; 30 seconds unless given.",
    )
    limit: int = strawberry.field(default=1, description="At most this many; 1 to 100.")
    workflow_names: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Only executions of workflows with these names."
    )


@strawberry.input(description="An execution and who takes or extends its lease.")
class LeaseInput(EngineInput):
    execution_id: strawberry.ID = strawberry.field(description="Which execution.")
    holder: str = strawberry.field(description="Who holds the lease.")
    ttl: timedelta | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing(LEASE_TIME),
        description="How long it lasts from now; 30 seconds unless given.",
    )


@strawberry.input(description="An execution and who gives its lease up.")
class ReleaseLeaseInput(EngineInput):
    """The end of a lease."""

    execution_id: strawberry.ID = strawberry.field(description="Which execution.")
    holder: str = strawberry.field(description="Who holds the lease.")


@strawberry.input(description="Leases to extend.")
class HeartbeatsInput:
    heartbeats: list[LeaseInput] = strawberry.field(description="The leases, each with its holder.")
