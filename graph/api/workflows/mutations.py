"""`createWorkflow`, `updateWorkflow`, `setWorkflowStatus`, `deleteWorkflow`."""

from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.writes import workflows
from graph.api import errors
from graph.api.workflows.inputs import (
    CreateWorkflowInput,
    DeleteWorkflowInput,
    SetWorkflowStatusInput,
    UpdateWorkflowInput,
)
from graph.api.workflows.types import Workflow
from graph.api.writing import accepted, document, required_text, text, words
from graph.arguments import given
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.ids import Kind, decode_as
from graph.scalars import Long
from graph.written import Written, written


@strawberry.type(description="The workflow as it is now.")
class WorkflowPayload(Written):
    """What creating and changing answer."""

    workflow = written("workflow", Workflow, "The workflow.")


@strawberry.type(description="What was deleted.")
class DeleteWorkflowPayload:
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
    @strawberry.mutation(description="Create a workflow, or a new version of one.", directives=[WRITE])
    async def create_workflow(
        self,
        info: Info,
        input: Annotated[CreateWorkflowInput, strawberry.argument(description="What it is.")],
    ) -> CreateWorkflowResult:
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
