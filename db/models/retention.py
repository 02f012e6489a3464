"""Retention: what may go when, what went, and what is on hold."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import TERMINAL_EXECUTION, RunStatus, Subject
from db.models.base import (
    Base,
    check,
    count,
    document,
    json_object,
    moment,
    now,
    one_of,
    prose,
    uuid_pk,
    word,
    words,
)

_TERMINAL = ", ".join(repr(str(status)) for status in TERMINAL_EXECUTION)


class RetentionPolicy(Base):
    """What may go, and how long after its end; whatever one policy takes goes, whatever others say."""

    __tablename__ = "retention_policies"

    id: Mapped[uuid_pk]
    name: Mapped[word]
    workflow_name: Mapped[word | None]
    statuses: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    keep_executions: Mapped[timedelta | None]
    keep_logs: Mapped[timedelta | None]
    keep_checkpoints: Mapped[timedelta | None]
    keep_last: Mapped[int | None]
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    created_by: Mapped[prose]
    created_at: Mapped[now]
    updated_at: Mapped[now]
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))

    __table_args__ = (
        UniqueConstraint("name"),
        check("name_length", "char_length(name) BETWEEN 1 AND 200"),
        check("statuses_terminal", f"statuses <@ ARRAY[{_TERMINAL}]"),
        check("statuses_not_empty", "cardinality(statuses) > 0"),
        check("ages_not_negative", "least(keep_executions, keep_logs, keep_checkpoints) >= interval '0'"),
        check("something_goes", "num_nonnulls(keep_executions, keep_logs, keep_checkpoints) > 0"),
        check("keep_last_in_range", "keep_last BETWEEN 1 AND 10000"),
        check("revision_counts_from_one", "revision >= 1"),
        Index("retention_policies_enabled", "id", postgresql_where=text("enabled")),
        Index("retention_policies_disabled", "id", postgresql_where=text("NOT enabled")),
    )


class RetentionRun(Base):
    """The receipt of one application of policies, kept up to date by every batch; while it runs, its place.

    `policies` is what they said when it started. `policy_id` is the one that was asked for, NULL for all.
    """

    __tablename__ = "retention_runs"

    id: Mapped[uuid_pk]
    actor: Mapped[word]
    status: Mapped[word]
    policy_id: Mapped[UUID | None] = mapped_column(Uuid)
    policies: Mapped[document]
    deleted: Mapped[document] = mapped_column(server_default=text("'{}'"))
    partitions: Mapped[words]
    batches: Mapped[count]
    place: Mapped[document | None]
    started_at: Mapped[now]
    updated_at: Mapped[now]
    finished_at: Mapped[moment | None]

    __table_args__ = (
        check("status_known", one_of("status", RunStatus)),
        check("finished_at_set_exactly_when_over", "(finished_at IS NOT NULL) = (status <> 'RUNNING')"),
        check("place_while_running", "place IS NULL OR status = 'RUNNING'"),
        check("deleted_is_object", json_object("deleted")),
        Index("retention_runs_by_status", "status", "id"),
        Index(
            "retention_runs_open",
            "policy_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("finished_at IS NULL"),
        ),
    )


class Hold(Base):
    """What retention must not touch, and nobody delete: an execution, or all those of a workflow version.

    A table of its own: to place one rewrites nothing, and there are few.
    """

    __tablename__ = "holds"

    subject_id: Mapped[uuid_pk]
    subject_type: Mapped[word]
    reason: Mapped[prose]
    placed_by: Mapped[prose]
    placed_at: Mapped[now]

    __table_args__ = (
        check("subject_type_known", one_of("subject_type", Subject)),
        check("reason_length", "char_length(reason) BETWEEN 1 AND 500"),
        Index("holds_by_placement", "placed_at", "subject_id"),
    )
