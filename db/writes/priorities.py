"""How urgent an execution is: as its workflow, kept with it as a rank so that claims find it by an index."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import ScalarSelect, case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.enums import LIVE_EXECUTION, Priority
from db.models import Execution, Workflow

RANKS: Mapping[str, int] = {priority: rank for rank, priority in enumerate(Priority)}


def rank_of(workflow: UUID) -> ScalarSelect[int]:
    """SQL: the rank that executions of a workflow version have."""
    rank = case(dict(RANKS), value=Workflow.priority)
    return select(rank).where(Workflow.id == workflow).scalar_subquery()


async def rank_executions(session: AsyncSession, workflow: UUID, priority: Priority) -> None:
    """Within a transaction that has locked the workflow: give its priority to what has not ended."""
    statement = (
        update(Execution)
        .where(Execution.workflow_id == workflow, Execution.status.in_(LIVE_EXECUTION))
        .values(priority=RANKS[priority])
    )
    await session.execute(statement, execution_options={"synchronize_session": False})
