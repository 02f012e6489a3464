"""Workflow: one version of a definition, and what ran of it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import strawberry

from db.queries.sources import EXECUTIONS_OF_WORKFLOW, VERSIONS_OF_WORKFLOW, WORKFLOWS
from graph.connections import After, Before, Connection, First, Last, Paging, connect
from graph.context import Info
from graph.enums import Environment, Priority, WorkflowStatus
from graph.ids import Kind
from graph.inputs.executions import (
    ExecutionsFiltered,
    ExecutionsOrdered,
    execution_filter,
    execution_order,
)
from graph.inputs.workflows import WorkflowsFiltered, WorkflowsOrdered, workflow_filter, workflow_order
from graph.nodes import Node, node_of
from graph.scalars import JSONObject, Long

if TYPE_CHECKING:
    from graph.types.executions import Execution


@node_of(Kind.WORKFLOW, WORKFLOWS)
@strawberry.type(description="One version of a workflow: a definition and its metadata.")
class Workflow(Node):
    """A row of workflows."""

    name: str = strawberry.field(description="The name that all versions share.")
    version: str = strawberry.field(description="The version, unique for the name.")
    status: WorkflowStatus = strawberry.field(description="Where it stands in its life.")
    definition: JSONObject = strawberry.field(description="The definition, as it was given.")
    description: str | None = strawberry.field(description="What it is for.")
    tags: list[str] = strawberry.field(description="Free words to find it by.")
    category: str | None = strawberry.field(description="What kind of workflow it is.")
    priority: Priority = strawberry.field(description="How urgent it is.")
    environment: Environment = strawberry.field(description="Where it belongs.")
    estimated_duration: timedelta | None = strawberry.field(description="How long one execution should take.")
    created_by: str = strawberry.field(description="Who created it.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When its metadata last changed.")
    revision: Long = strawberry.field(description="Counts the changes of its metadata, from 1.")

    @strawberry.field(description="Its executions.")
    async def executions(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: ExecutionsFiltered = strawberry.UNSET,
        order_by: ExecutionsOrdered = strawberry.UNSET,
    ) -> Connection[Annotated["Execution", strawberry.lazy("graph.types.executions")]]:
        """One statement for all workflows of a level."""
        narrowed = await execution_filter(info, filter)
        order = execution_order(order_by)
        paging = Paging(first, after, last, before)
        return await connect(info, EXECUTIONS_OF_WORKFLOW, (self.row["id"],), narrowed, order, paging)

    @strawberry.field(description="All versions with this name, itself among them.")
    async def versions(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: WorkflowsFiltered = strawberry.UNSET,
        order_by: WorkflowsOrdered = strawberry.UNSET,
    ) -> Connection["Workflow"]:
        """One statement for all workflows of a level."""
        narrowed = workflow_filter(filter)
        order = workflow_order(order_by)
        paging = Paging(first, after, last, before)
        return await connect(info, VERSIONS_OF_WORKFLOW, (self.name,), narrowed, order, paging)
