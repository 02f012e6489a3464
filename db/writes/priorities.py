"""How urgent an execution is: as its workflow, kept with it as a rank so that claims find it by an index."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from db.enums import LIVE_EXECUTION, Priority
from db.models import Execution
from db.models.base import table

RANKS: Mapping[str, int] = {priority: rank for rank, priority in enumerate(Priority)}
# SQL: the rank that the execution `e` has by its workflow.
RANK = f"""(
    SELECT array_position(ARRAY[{", ".join(f"'{priority}'" for priority in Priority)}], w.priority) - 1
    FROM workflows w WHERE w.id = e.workflow_id
)"""


async def rank_executions(session: AsyncSession, workflow: UUID, priority: Priority) -> None:
    """Within a transaction that has locked the workflow: give its priority to what has not ended."""
    statement = (
        update(table(Execution))
        .where(Execution.workflow_id == workflow, Execution.status.in_(LIVE_EXECUTION))
        .values(priority=RANKS[priority])
    )
    await session.execute(statement)
