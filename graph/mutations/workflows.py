"""`createWorkflow`, `updateWorkflow`, `setWorkflowStatus`, `deleteWorkflow`."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.writes import workflows
from graph.api import errors
from graph.api.meaning import NULL_CLEARS, means_nothing
from graph.api.writing import WriteInput, accepted, document, required_text, text, words
from graph.arguments import given
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.enums import Environment, Priority, WorkflowStatus
from graph.ids import Kind, decode_as
from graph.scalars import JSONObject, Long
from graph.types.workflows import Workflow
from graph.written import Written, written

_REVISION = "The revision that the caller has seen: with any other than the present one nothing changes."
_DEFINITION = (
    "The definition: a JSON object, whose `steps`, if it has any, have unique keys and depend on each other "
    "without a circle."
)


@strawberry.input(description="A workflow version to be.")
class CreateWorkflowInput(WriteInput):
    """Columns of workflows."""

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
    """Columns of workflows."""

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
    """A move."""

    workflow_id: strawberry.ID = strawberry.field(description="Which one.")
    status: WorkflowStatus = strawberry.field(description="Where it goes.")
    expected_revision: Long | None = strawberry.field(default=strawberry.UNSET, description=_REVISION)


@strawberry.input(description="A workflow version to delete.")
class DeleteWorkflowInput(WriteInput):
    """A deletion."""

    workflow_id: strawberry.ID = strawberry.field(description="Which one.")
    cascade: bool = strawberry.field(
        default=False, description="Delete its executions too; they must have ended."
    )


@strawberry.type(description="The workflow as it is now.")
class WorkflowPayload(Written):
    """What creating and changing answer."""

    workflow = written("workflow", Workflow, "The workflow.")


@strawberry.type(description="What was deleted.")
class DeleteWorkflowPayload:
    """What deleting answers."""

    deleted_id: strawberry.ID = strawberry.field(description="The id that the workflow had.")
    executions: Long = strawberry.field(description="How many executions went with it.")


CreateWorkflowResult = Annotated[
    WorkflowPayload | errors.Refused | errors.AlreadyExists,
    strawberry.union("CreateWorkflowResult", description="The workflow, or why nothing changed."),
]
UpdateWorkflowResult = Annotated[
    WorkflowPayload | errors.Refused | errors.NotFound | errors.VersionConflict,
    strawberry.union("UpdateWorkflowResult", description="The workflow, or why nothing changed."),
]
SetWorkflowStatusResult = Annotated[
    WorkflowPayload | errors.Refused | errors.NotFound | errors.VersionConflict | errors.InvalidTransition,
    strawberry.union("SetWorkflowStatusResult", description="The workflow, or why nothing changed."),
]
DeleteWorkflowResult = Annotated[
    DeleteWorkflowPayload | errors.Refused | errors.NotFound,
    strawberry.union("DeleteWorkflowResult", description="What was deleted, or why nothing was."),
]


@strawberry.type
class WorkflowMutations:
    """Part of the root."""

    @strawberry.mutation(description="Create a workflow, or a new version of one.", directives=[WRITE])
    async def create_workflow(
        self,
        info: Info,
        input: Annotated[CreateWorkflowInput, strawberry.argument(description="What it is.")],
    ) -> CreateWorkflowResult:
        """One row of workflows."""
        write = accepted(info, "createWorkflow", input)
        columns = {
            "name": required_text("name", input.name, 200),
            "version": required_text("version", input.version, 100),
            "definition": document(info, "definition", input.definition),
            "description": given(input.description),
            "status": input.status,
            "tags": words("tags", input.tags),
            "category": text("category", input.category),
            "priority": input.priority,
            "environment": input.environment,
            "estimated_duration": given(input.estimated_duration),
        }
        return _payload(await workflows.create_workflow(info.context.database, write, columns))

    @strawberry.mutation(description="Change a workflow version's metadata.", directives=[WRITE])
    async def update_workflow(
        self,
        info: Info,
        input: Annotated[UpdateWorkflowInput, strawberry.argument(description="What to change.")],
    ) -> UpdateWorkflowResult:
        """Columns of one row."""
        write = accepted(info, "updateWorkflow", input)
        key = decode_as(Kind.WORKFLOW, input.workflow_id)[0]
        expected = given(input.expected_revision)
        changed = await workflows.update_workflow(
            info.context.database, write, key, _changes(info, input), expected
        )
        return _payload(changed)

    @strawberry.mutation(description="Move a workflow version to another status.", directives=[WRITE])
    async def set_workflow_status(
        self,
        info: Info,
        input: Annotated[SetWorkflowStatusInput, strawberry.argument(description="Which, and where to.")],
    ) -> SetWorkflowStatusResult:
        """A guarded move."""
        write = accepted(info, "setWorkflowStatus", input)
        key = decode_as(Kind.WORKFLOW, input.workflow_id)[0]
        changed = await workflows.set_workflow_status(
            info.context.database, write, key, input.status, given(input.expected_revision)
        )
        return _payload(changed)

    @strawberry.mutation(
        description="Delete a workflow version; refused while it has executions, unless asked.",
        directives=[WRITE],
    )
    async def delete_workflow(
        self, info: Info, input: Annotated[DeleteWorkflowInput, strawberry.argument(description="Which one.")]
    ) -> DeleteWorkflowResult:
        """One row, and its executions if asked."""
        write = accepted(info, "deleteWorkflow", input)
        key = decode_as(Kind.WORKFLOW, input.workflow_id)[0]
        executions = await workflows.delete_workflow(info.context.database, write, key, cascade=input.cascade)
        return DeleteWorkflowPayload(deleted_id=input.workflow_id, executions=Long(executions))


def _changes(info: Info, input: UpdateWorkflowInput) -> dict[str, Any]:
    """The columns that the input names; null clears those that can be empty."""
    clearable = {
        "description": input.description,
        "category": text("category", input.category),
        "estimated_duration": input.estimated_duration,
    }
    sent = {name: getattr(input, name) for name in clearable}
    columns = {name: clearable[name] for name, value in sent.items() if value is not strawberry.UNSET}
    fixed = {
        "definition": document(info, "definition", input.definition),
        "tags": None if given(input.tags) is None else words("tags", input.tags),
        "priority": given(input.priority),
        "environment": given(input.environment),
    }
    return columns | {name: value for name, value in fixed.items() if value is not None}


def _payload(key: UUID) -> WorkflowPayload:
    return WorkflowPayload(written={"workflow": {"id": key}})
