"""`workflow` and `workflows`."""

from typing import Annotated

import strawberry

from db.errors import InvalidInput, NotFound
from db.queries.sources import ALL_WORKFLOWS
from graph.api.workflows.filters import WORKFLOWS_LISTED, WorkflowBy
from graph.api.workflows.types import Workflow
from graph.arguments import given
from graph.auth.scopes import READ
from graph.connections import connection
from graph.context import Info
from graph.ids import Kind, decode_as
from graph.nodes import load

By = Annotated[WorkflowBy, strawberry.argument(description="Which one.")]


@strawberry.type
class WorkflowQueries:
    @strawberry.field(description="One workflow version; an error where there is none.", directives=[READ])
    async def workflow(self, info: Info, by: By) -> Workflow | None:
        """One statement for all `workflow` fields of the document that ask alike."""
        key = given(by.id)
        if key is not None:
            return await load(info, Workflow, decode_as(Kind.WORKFLOW, key))
        wanted = (by.name_version.name, by.name_version.version) if by.name_version else (by.name or "", None)
        if "\0" in f"{wanted[0]}{wanted[1]}":
            raise InvalidInput("Text can't hold the NUL character (\\u0000).")
        row = await info.context.loaders.workflows_by_name.load(wanted)
        if row is None:
            version = "" if wanted[1] is None else f" in version {wanted[1]!r}"
            raise NotFound("workflow", f"{wanted[0]!r}{version}")
        return Workflow.from_row(row)

    workflows = connection(ALL_WORKFLOWS, Workflow, WORKFLOWS_LISTED, (), "All workflow versions.")
