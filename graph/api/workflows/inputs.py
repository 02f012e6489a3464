"""What mutations of workflows take."""

from datetime import timedelta

import strawberry

from graph.api.meaning import NULL_CLEARS, means_nothing
from graph.api.writing import WriteInput
from graph.enums import Environment, Priority, WorkflowStatus
from graph.scalars import JSONObject, Long

_REVISION = "The revision that the caller has seen: with any other than the present one nothing changes."
_DEFINITION = (
    "The definition: a JSON object, whose `steps`, if it has any, have unique keys and depend on each other "
    "without a circle."
)


@strawberry.input(description="A workflow version to be.")
class CreateWorkflowInput(WriteInput):
    name: str = strawberry.field(description="The name that all versions share.")
    version: str = strawberry.field(description="The version, unique for the name.")
    definition: JSONObject = strawberry.field(description=_DEFINITION)
    description: str | None = strawberry.field(default=strawberry.UNSET, description="What it is for.")
    status: WorkflowStatus = strawberry.field(
        default=WorkflowStatus.ACTIVE, description="Where it stands in its life."
    )
    tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, metadata=means_nothing([]), description="Free words to find it by."
    )
    category: str | None = strawberry.field(
        default=strawberry.UNSET, description="What kind of workflow it is."
    )
    priority: Priority = strawberry.field(default=Priority.NORMAL, description="How urgent it is.")
    environment: Environment = strawberry.field(
        default=Environment.DEVELOPMENT, description="Where it belongs."
    )
    estimated_duration: timedelta | None = strawberry.field(
        default=strawberry.UNSET, description="How long one execution should take."
    )


@strawberry.input(description="What to change of a workflow version; what is left out stays.")
class UpdateWorkflowInput(WriteInput):
    workflow_id: strawberry.ID = strawberry.field(description="Which one.")
    expected_revision: Long | None = strawberry.field(default=strawberry.UNSET, description=_REVISION)
    definition: JSONObject | None = strawberry.field(
        default=strawberry.UNSET, description=f"{_DEFINITION} Only a DRAFT's can change."
    )
    description: str | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description="What it is for; null takes it away."
    )
    tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Free words to find it by."
    )
    category: str | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=NULL_CLEARS,
        description="What kind of workflow it is; null takes it away.",
    )
    priority: Priority | None = strawberry.field(default=strawberry.UNSET, description="How urgent it is.")
    environment: Environment | None = strawberry.field(
        default=strawberry.UNSET, description="Where it belongs."
    )
    estimated_duration: timedelta | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=NULL_CLEARS,
        description="How long one execution should take; null takes it away.",
    )


@strawberry.input(description="A workflow version and the status it shall have.")
class SetWorkflowStatusInput(WriteInput):
    workflow_id: strawberry.ID = strawberry.field(description="Which one.")
    status: WorkflowStatus = strawberry.field(description="Where it goes.")
    expected_revision: Long | None = strawberry.field(default=strawberry.UNSET, description=_REVISION)


@strawberry.input(description="A workflow version to delete.")
class DeleteWorkflowInput(WriteInput):
    workflow_id: strawberry.ID = strawberry.field(description="Which one.")
    cascade: bool = strawberry.field(
        default=False, description="Delete its executions too; they must have ended."
    )
