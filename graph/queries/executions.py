"""`execution` and `executions`."""

from typing import Annotated

import strawberry

from db.queries.sources import ALL_EXECUTIONS, ORPHANED_EXECUTIONS
from graph.connections import After, Before, Connection, First, Last, Paging, connect
from graph.context import Info
from graph.ids import Kind, decode_as
from graph.inputs.executions import (
    ExecutionsFiltered,
    ExecutionsOrdered,
    execution_filter,
    execution_order,
)
from graph.nodes import load_node
from graph.types.executions import Execution

ExecutionId = Annotated[strawberry.ID, strawberry.argument(description="The execution's id.")]


@strawberry.type
class ExecutionQueries:
    """Part of the root."""

    @strawberry.field(description="One execution; an error where there is none.")
    async def execution(self, info: Info, id: ExecutionId) -> Execution | None:
        """One statement for all `execution` fields of the document."""
        execution: Execution = await load_node(info, Kind.EXECUTION, decode_as(Kind.EXECUTION, id))
        return execution

    @strawberry.field(description="All executions, over all workflows.")
    async def executions(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: ExecutionsFiltered = strawberry.UNSET,
        order_by: ExecutionsOrdered = strawberry.UNSET,
    ) -> Connection[Execution]:
        """One statement."""
        narrowed, order = await execution_filter(info, filter), execution_order(order_by)
        return await connect(info, ALL_EXECUTIONS, (), narrowed, order, Paging(first, after, last, before))

    @strawberry.field(description="Executions whose engine is gone: RUNNING, but their lease is over.")
    async def orphaned_executions(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: ExecutionsFiltered = strawberry.UNSET,
        order_by: ExecutionsOrdered = strawberry.UNSET,
    ) -> Connection[Execution]:
        """One statement."""
        narrowed, order = await execution_filter(info, filter), execution_order(order_by)
        paging = Paging(first, after, last, before)
        return await connect(info, ORPHANED_EXECUTIONS, (), narrowed, order, paging)
