"""What mutations of retention and holds take."""

from datetime import timedelta
from typing import Any

import strawberry

from db.retention.policies import require_ended, require_sense
from db.retention.selection import Policy
from graph.api.conditions import listed
from graph.api.meaning import NULL_CLEARS, means_nothing
from graph.api.writing import WriteInput, text
from graph.enums import ExecutionStatus
from graph.scalars import Long

_COLUMNS = ("workflow_name", "statuses", "keep_executions", "keep_logs", "keep_checkpoints", "keep_last")
_WORKFLOW = "Only executions of this workflow, in all its versions."
_STATUSES = "Only executions that ended so."
_EXECUTIONS = "How long after its end an execution goes, with everything of it."
_LOGS = "How long after an execution's end its log goes."
_CHECKPOINTS = "How long after an execution's end its checkpoints go that neither recovery nor a fork needs."
_LAST = "How many of the newest executions of each workflow are spared; 1 to 10,000."
_FOR = timedelta(seconds=10)


@strawberry.input(description="A retention policy to be; at least one of the ages is given.")
class CreateRetentionPolicyInput(WriteInput):
    name: str = strawberry.field(description="Its name, unique.")
    workflow_name: str | None = strawberry.field(default=strawberry.UNSET, description=_WORKFLOW)
    statuses: list[ExecutionStatus] | None = strawberry.field(default=strawberry.UNSET, description=_STATUSES)
    keep_executions: timedelta | None = strawberry.field(default=strawberry.UNSET, description=_EXECUTIONS)
    keep_logs: timedelta | None = strawberry.field(default=strawberry.UNSET, description=_LOGS)
    keep_checkpoints: timedelta | None = strawberry.field(default=strawberry.UNSET, description=_CHECKPOINTS)
    keep_last: int | None = strawberry.field(default=strawberry.UNSET, description=_LAST)
    enabled: bool = strawberry.field(
        default=True, description="Whether it is applied by itself, and with all others."
    )


@strawberry.input(description="What to change of a retention policy; what is left out stays.")
class UpdateRetentionPolicyInput(WriteInput):
    policy_id: strawberry.ID = strawberry.field(description="Which one.")
    expected_revision: Long | None = strawberry.field(
        default=strawberry.UNSET,
        description="The revision that the caller has seen: with any other than the present one nothing "
        "changes.",
    )
    workflow_name: str | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_WORKFLOW} Null: of all."
    )
    statuses: list[ExecutionStatus] | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_STATUSES} Null: in any way."
    )
    keep_executions: timedelta | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_EXECUTIONS} Null: never."
    )
    keep_logs: timedelta | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_LOGS} Null: with the execution."
    )
    keep_checkpoints: timedelta | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=NULL_CLEARS,
        description=f"{_CHECKPOINTS} Null: with the execution.",
    )
    keep_last: int | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description=f"{_LAST} Null: none."
    )
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether it is applied by itself, and with all others."
    )


@strawberry.input(description="A retention policy to delete.")
class DeleteRetentionPolicyInput(WriteInput):
    policy_id: strawberry.ID = strawberry.field(description="Which one.")


@strawberry.input(description="Which policies to apply, and for how long.")
class ApplyRetentionInput(WriteInput):
    policy_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="Which policy, enabled or not; without it, all that are enabled.",
    )
    max_duration: timedelta | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing(_FOR),
        description="How long to work on it before answering: 10 seconds unless given, at most 20. What is "
        "left then goes when it is applied again, by whomever.",
    )


@strawberry.input(description="What to put on hold, and why.")
class PlaceHoldInput(WriteInput):
    subject_id: strawberry.ID = strawberry.field(description="An execution, or a workflow version.")
    reason: str = strawberry.field(description="Why; shown to who would delete it.")


@strawberry.input(description="What to release.")
class ReleaseHoldInput(WriteInput):
    """The end of a hold."""

    subject_id: strawberry.ID = strawberry.field(description="The execution or workflow version on hold.")


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
        columns["statuses"] = require_ended(statuses)
    return columns


def inline_policy(rule: RetentionRule) -> Policy:
    """The policy that an input describes; raises `InvalidInput`."""
    columns = rule_columns(rule)
    require_sense(columns)
    statuses = columns.pop("statuses", None)
    return Policy(**columns, statuses=None if statuses is None else tuple(statuses))
