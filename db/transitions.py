"""Which moves between statuses are allowed, and when staying is: with what is there already.

docs/design.md draws these tables; a test compares the two.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from db.enums import ExecutionStatus, StepStatus, WorkflowStatus
from db.errors import InvalidTransition
from db.jsonb import differ

S = TypeVar("S", WorkflowStatus, ExecutionStatus, StepStatus)

WORKFLOW_MOVES: Mapping[WorkflowStatus, tuple[WorkflowStatus, ...]] = {
    WorkflowStatus.DRAFT: (WorkflowStatus.ACTIVE, WorkflowStatus.ARCHIVED),
    WorkflowStatus.ACTIVE: (WorkflowStatus.INACTIVE, WorkflowStatus.DEPRECATED, WorkflowStatus.ARCHIVED),
    WorkflowStatus.INACTIVE: (WorkflowStatus.ACTIVE, WorkflowStatus.DEPRECATED, WorkflowStatus.ARCHIVED),
    WorkflowStatus.DEPRECATED: (WorkflowStatus.ACTIVE, WorkflowStatus.INACTIVE, WorkflowStatus.ARCHIVED),
    WorkflowStatus.ARCHIVED: (),
}

# A terminal execution is left only by recovery, which is no move of this table.
EXECUTION_MOVES: Mapping[ExecutionStatus, tuple[ExecutionStatus, ...]] = {
    ExecutionStatus.PENDING: (
        ExecutionStatus.RUNNING,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELLED,
        ExecutionStatus.TIMED_OUT,
    ),
    ExecutionStatus.RUNNING: (
        ExecutionStatus.PAUSED,
        ExecutionStatus.COMPLETED,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELLED,
        ExecutionStatus.TIMED_OUT,
    ),
    ExecutionStatus.PAUSED: (
        ExecutionStatus.RUNNING,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELLED,
        ExecutionStatus.TIMED_OUT,
    ),
    ExecutionStatus.COMPLETED: (),
    ExecutionStatus.FAILED: (),
    ExecutionStatus.CANCELLED: (),
    ExecutionStatus.TIMED_OUT: (),
}

# The statuses of one attempt. A retry is another attempt, with statuses of its own: it makes a RETRYING
# attempt FAILED.
STEP_MOVES: Mapping[StepStatus, tuple[StepStatus, ...]] = {
    StepStatus.PENDING: (
        StepStatus.RUNNING,
        StepStatus.COMPLETED,
        StepStatus.FAILED,
        StepStatus.SKIPPED,
        StepStatus.CANCELLED,
        StepStatus.TIMED_OUT,
    ),
    StepStatus.RUNNING: (
        StepStatus.RETRYING,
        StepStatus.COMPLETED,
        StepStatus.FAILED,
        StepStatus.SKIPPED,
        StepStatus.CANCELLED,
        StepStatus.TIMED_OUT,
    ),
    StepStatus.RETRYING: (StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.TIMED_OUT),
    StepStatus.COMPLETED: (),
    StepStatus.FAILED: (),
    StepStatus.SKIPPED: (),
    StepStatus.CANCELLED: (),
    StepStatus.TIMED_OUT: (),
}


def require_move(moves: Mapping[S, tuple[S, ...]], current: S, to: S) -> bool:
    """Whether the move changes anything; raises `InvalidTransition` where it is not allowed."""
    if current == to:
        return False
    if to not in moves[current]:
        raise InvalidTransition(current, to, moves[current])
    return True


def require_same(what: str, current: str, there: Mapping[str, Any], brought: Mapping[str, Any]) -> None:
    """Allow staying in a status with what is there; what is None was not brought.

    Raises `InvalidTransition` where something else is brought, which staying would drop.
    """
    other = [name for name, value in brought.items() if value is not None and differ(there[name], value)]
    if other:
        raise not_again(what, current, f"another {' and another '.join(other)}")


def not_again(what: str, current: str, other: str) -> InvalidTransition:
    """The refusal to stay in a status with `other` than what is there."""
    return InvalidTransition(
        current,
        current,
        reason=f"{what} is {current} already, and {other} can't come on top of that; what is there stays. "
        "Who repeats a call says so by its `idempotencyKey`.",
    )
