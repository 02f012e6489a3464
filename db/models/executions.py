"""Executions: the head of the execution tree, with its lease and its sequence counters."""

from uuid import UUID

from sqlalchemy import (
    DateTime,
    ForeignKey,
    Index,
    Interval,
    SmallInteger,
    Uuid,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.elements import ColumnElement

from db.enums import TERMINAL_EXECUTION, Ending, ExecutionStatus, TriggerType
from db.models.base import (
    Base,
    bigint,
    check,
    count,
    document,
    json_object,
    moment,
    now,
    one_of,
    prose,
    searchable,
    uuid_pk,
    word,
    words,
)

_TERMINAL = one_of("status", TERMINAL_EXECUTION)
_UNSUCCESSFUL = [status for status in TERMINAL_EXECUTION if status.ending is not Ending.WELL]


def end_of_time_if_null(column: str) -> ColumnElement[object]:
    """The index expression that lets a keyset order by a moment that may not have come yet."""
    never = literal_column("'9999-12-31 00:00:00+00'::timestamptz", DateTime(timezone=True))
    return func.coalesce(literal_column(column), never)


def duration_or_none_yet() -> ColumnElement[object]:
    """The index expression for how long it took: less than any time where it has no start or no end."""
    none_yet = literal_column("'-00:00:01'::interval", Interval())
    return func.coalesce(literal_column("(completed_at - started_at)"), none_yet)


class Execution(Base):
    """One run of a workflow version. Its row lock orders everything that happens inside it."""

    __tablename__ = "executions"

    id: Mapped[uuid_pk]
    workflow_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workflows.id", ondelete="RESTRICT"))
    status: Mapped[word]
    trigger_type: Mapped[word]
    triggered_by: Mapped[prose]
    correlation_id: Mapped[word | None]
    # Where it comes from: no foreign keys, for that may be on another node (db/writes/links.py).
    parent_id: Mapped[UUID | None] = mapped_column(Uuid)
    forked_from_execution_id: Mapped[UUID | None] = mapped_column(Uuid)
    forked_from_seq: Mapped[bigint | None]
    input: Mapped[document | None]
    result: Mapped[document | None]
    error: Mapped[document | None]
    attributes: Mapped[searchable] = mapped_column(server_default=text("'{}'"))
    tags: Mapped[words]
    lease_holder: Mapped[prose | None]
    lease_epoch: Mapped[count]
    lease_expires_at: Mapped[moment | None]
    heartbeat_at: Mapped[moment | None]
    event_seq: Mapped[count]
    log_seq: Mapped[count]
    step_seq: Mapped[count]
    checkpoint_seq: Mapped[count]
    metric_seq: Mapped[count]
    created_at: Mapped[now]
    started_at: Mapped[moment | None]
    completed_at: Mapped[moment | None]
    attributes_exact: Mapped[document | None]
    # The workflow's priority as a rank, for claims: 0 (LOW) to 3 (CRITICAL). Kept up while it has not ended.
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))

    __table_args__ = (
        check("status_known", one_of("status", ExecutionStatus)),
        check("trigger_type_known", one_of("trigger_type", TriggerType)),
        check("completed_at_set_exactly_when_terminal", f"(completed_at IS NOT NULL) = ({_TERMINAL})"),
        check(
            "started_when_running",
            f"started_at IS NOT NULL OR NOT {one_of('status', ['RUNNING', 'PAUSED', 'COMPLETED'])}",
        ),
        check("completed_after_start", "completed_at >= started_at"),
        check("result_only_when_completed", "result IS NULL OR status = 'COMPLETED'"),
        check(
            "error_only_when_unsuccessful",
            f"error IS NULL OR {one_of('status', _UNSUCCESSFUL)}",
        ),
        check("error_is_object", json_object("error")),
        check("attributes_are_object", json_object("attributes", "jsonb")),
        check("lease_has_holder_and_expiry", "(lease_holder IS NULL) = (lease_expires_at IS NULL)"),
        check("no_lease_when_terminal", f"lease_holder IS NULL OR NOT ({_TERMINAL})"),
        check("lease_epoch_counts_up", "lease_epoch >= 0 AND (lease_holder IS NULL OR lease_epoch > 0)"),
        check(
            "counters_not_negative",
            "least(event_seq, log_seq, step_seq, checkpoint_seq, metric_seq) >= 0",
        ),
        check("fork_names_checkpoint", "(forked_from_execution_id IS NULL) = (forked_from_seq IS NULL)"),
        check("not_its_own_parent", "parent_id <> id"),
        Index("executions_by_workflow", "workflow_id", "id"),
        Index("executions_by_workflow_status", "workflow_id", "status", "id"),
        Index("executions_by_workflow_start", "workflow_id", end_of_time_if_null("started_at"), "id"),
        Index("executions_by_workflow_completion", "workflow_id", end_of_time_if_null("completed_at"), "id"),
        Index("executions_by_workflow_duration", "workflow_id", duration_or_none_yet(), "id"),
        Index("executions_by_status", "status", "id"),
        Index(
            "executions_by_priority",
            "status",
            text("priority DESC"),
            "id",
            postgresql_where=text(one_of("status", ["PENDING", "RUNNING"])),
        ),
        Index("executions_by_trigger", "trigger_type", "id"),
        Index("executions_by_start", end_of_time_if_null("started_at"), "id"),
        Index("executions_by_completion", end_of_time_if_null("completed_at"), "id"),
        Index("executions_by_duration", duration_or_none_yet(), "id"),
        Index("executions_with_error", "id", postgresql_where=text("error IS NOT NULL")),
        Index(
            "executions_by_correlation",
            "correlation_id",
            "id",
            postgresql_where=text("correlation_id IS NOT NULL"),
        ),
        Index("executions_by_parent", "parent_id", "id", postgresql_where=text("parent_id IS NOT NULL")),
        Index(
            "executions_by_fork",
            "forked_from_execution_id",
            "forked_from_seq",
            postgresql_where=text("forked_from_execution_id IS NOT NULL"),
        ),
        Index("executions_by_tags", "tags", postgresql_using="gin"),
        Index(
            "executions_by_attributes",
            "attributes",
            postgresql_using="gin",
            postgresql_ops={"attributes": "jsonb_path_ops"},
        ),
        {"postgresql_partition_by": "RANGE (id)"},
    )
