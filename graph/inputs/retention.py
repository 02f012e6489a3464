"""What a retention policy says, as it comes in."""

from datetime import timedelta
from typing import Any

import strawberry

from db.errors import InvalidInput
from db.retention.policies import Policy
from db.writes.retention import require_sense
from graph.api.conditions import listed
from graph.api.writing import text
from graph.enums import ExecutionStatus

_COLUMNS = ("workflow_name", "statuses", "keep_executions", "keep_logs", "keep_checkpoints", "keep_last")


@strawberry.input(description="What a retention policy says; at least one of the ages.")
class RetentionRule:
    """The columns of retention_policies that make the selection."""

    workflow_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Only executions of this workflow, in all its versions."
    )
    statuses: list[ExecutionStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="Only executions that ended so."
    )
    keep_executions: timedelta | None = strawberry.field(
        default=strawberry.UNSET, description="How long after its end an execution goes."
    )
    keep_logs: timedelta | None = strawberry.field(
        default=strawberry.UNSET, description="How long after an execution's end its log goes."
    )
    keep_checkpoints: timedelta | None = strawberry.field(
        default=strawberry.UNSET,
        description="How long after an execution's end its checkpoints go that nothing needs.",
    )
    keep_last: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="How many of the newest executions of each workflow are spared; 1 to 10,000.",
    )


def rule_columns(rule: Any) -> dict[str, Any]:
    """The columns that an input names; null clears one. Raises `InvalidInput`."""
    sent = {name: getattr(rule, name) for name in _COLUMNS}
    columns = {name: value for name, value in sent.items() if value is not strawberry.UNSET}
    if "workflow_name" in columns:
        columns["workflow_name"] = text("workflowName", columns["workflow_name"], 200)
    statuses = listed("statuses", columns.get("statuses"))
    if statuses is not None:
        live = [status for status in statuses if status not in _TERMINAL]
        if live:
            raise InvalidInput(f"Retention never touches what has not ended; {live[0]} is no end.")
        columns["statuses"] = list(dict.fromkeys(statuses))
    return columns


_TERMINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")


def inline_policy(rule: RetentionRule) -> Policy:
    """The policy that an input describes; raises `InvalidInput`."""
    columns = rule_columns(rule)
    require_sense(columns)
    statuses = columns.pop("statuses", None)
    return Policy(**columns, statuses=None if statuses is None else tuple(statuses))
