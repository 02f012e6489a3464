"""`execution` and `executions`."""

from typing import Annotated

import strawberry

from db.queries.sources import ALL_EXECUTIONS, ORPHANED_EXECUTIONS
from graph.api.executions.filters import EXECUTIONS_LISTED
from graph.api.executions.types import Execution
from graph.auth.scopes import READ
from graph.connections import connection
from graph.context import Info
from graph.ids import Kind, decode_as
from graph.nodes import load

ExecutionId = Annotated[strawberry.ID, strawberry.argument(description="The execution's id.")]


@strawberry.type
class ExecutionQueries:
    @strawberry.field(description="One execution; an error where there is none.", directives=[READ])
    async def execution(self, info: Info, id: ExecutionId) -> Execution | None:
        """One statement for all `execution` fields of the document."""
        return await load(info, Execution, decode_as(Kind.EXECUTION, id))

    executions = connection(
        ALL_EXECUTIONS, Execution, EXECUTIONS_LISTED, (), "All executions, over all workflows."
    )
    orphaned_executions = connection(
        ORPHANED_EXECUTIONS,
        Execution,
        EXECUTIONS_LISTED,
        (),
        "Executions whose engine is gone: RUNNING, but their lease is over.",
    )
