"""The append-only records of an execution: log entries, metric points and events.

Log entries and events carry no foreign key: it would cost several times the ingestion rate. Only the
statement that locks and advances their execution's row writes them, which proves that it exists.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Double, ForeignKeyConstraint, Index, LargeBinary, SmallInteger, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from db.enums import LogLevel
from db.models.base import (
    BY_EXECUTION,
    Base,
    bigint,
    check,
    document,
    execution_pk,
    json_object,
    moment,
    now,
    prose,
    seq_pk,
    text_c,
    unlinked_execution_pk,
    uuid_pk,
    word,
)


class TransactionId(UserDefinedType[int]):
    """PostgreSQL's xid8: 64-bit transaction ids that never wrap."""

    cache_ok = True

    def get_col_spec(self, **options: Any) -> str:
        """The type's name in DDL."""
        return "xid8"


class LogEntry(Base):
    """One line that a step or the execution itself logged.

    `original_bytes` is how long the message was where it was cut, NULL where it is whole.
    """

    __tablename__ = "log_entries"

    execution_id: Mapped[unlinked_execution_pk]
    seq: Mapped[seq_pk]
    step_seq: Mapped[bigint | None]
    level: Mapped[int] = mapped_column(SmallInteger)
    message: Mapped[prose]
    fields: Mapped[document | None]
    logged_at: Mapped[moment]
    recorded_at: Mapped[now]
    original_bytes: Mapped[bigint | None]

    __table_args__ = (
        check("level_known", f"level IN ({', '.join(str(int(level)) for level in LogLevel)})"),
        check("fields_are_object", json_object("fields")),
        Index(
            "log_entries_by_step",
            "execution_id",
            "step_seq",
            "seq",
            postgresql_where=text("step_seq IS NOT NULL"),
        ),
        Index("log_entries_by_time", "execution_id", "logged_at", "seq"),
        Index("log_entries_of_concern", "execution_id", "seq", postgresql_where=text("level >= 30")),
        BY_EXECUTION,
    )


class MetricPoint(Base):
    """One number that the engine reported."""

    __tablename__ = "metric_points"

    execution_id: Mapped[execution_pk]
    seq: Mapped[seq_pk]
    step_seq: Mapped[bigint | None]
    name: Mapped[word]
    value: Mapped[float] = mapped_column(Double)
    recorded_at: Mapped[now]

    __table_args__ = (
        ForeignKeyConstraint(
            ["execution_id", "step_seq"],
            ["steps.execution_id", "steps.seq"],
            name="metric_points_step_fkey",
            ondelete="CASCADE",
        ),
        check("name_length", "char_length(name) BETWEEN 1 AND 200"),
        Index("metric_points_by_name", "execution_id", "name", "seq"),
        Index(
            "metric_points_by_step",
            "execution_id",
            "step_seq",
            "seq",
            postgresql_where=text("step_seq IS NOT NULL"),
        ),
        BY_EXECUTION,
    )


class Event(Base):
    """One change to an execution: its history, and the record of its idempotent writes.

    `xid` and the index on it order events across executions by commit: reading below the oldest
    transaction still open misses nothing, which a sequence could not promise.
    """

    __tablename__ = "events"

    execution_id: Mapped[unlinked_execution_pk]
    seq: Mapped[seq_pk]
    type: Mapped[word]
    actor: Mapped[prose]
    at: Mapped[now]
    changes: Mapped[document]
    idempotency_key: Mapped[word | None]
    fingerprint: Mapped[bytes | None] = mapped_column(LargeBinary)
    outcome: Mapped[document | None]
    xid: Mapped[int] = mapped_column(TransactionId, server_default=text("pg_current_xact_id()"))

    __table_args__ = (
        check("key_has_fingerprint", "(idempotency_key IS NULL) = (fingerprint IS NULL)"),
        check("changes_are_object", json_object("changes")),
        Index(
            "events_by_idempotency_key",
            "execution_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        Index("events_by_commit", "xid", "execution_id", "seq"),
        BY_EXECUTION,
    )


class DeletedExecution(Base):
    """What is kept for a while of an execution that was deleted, for those who follow changes.

    It is written by the transaction that deletes, and has nothing of what the execution held.
    """

    __tablename__ = "deleted_executions"

    xid: Mapped[int] = mapped_column(
        TransactionId, primary_key=True, server_default=text("pg_current_xact_id()")
    )
    execution_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    seq: Mapped[bigint]
    workflow_id: Mapped[UUID] = mapped_column(Uuid)
    workflow_name: Mapped[word]
    status: Mapped[word]
    actor: Mapped[prose]
    at: Mapped[now]

    __table_args__ = (Index("deleted_executions_by_age", "at"),)


class AuditEntry(Base):
    """One change to what belongs to no execution: workflows, tokens, retention."""

    __tablename__ = "audit_entries"

    id: Mapped[uuid_pk]
    at: Mapped[now]
    actor: Mapped[word]
    type: Mapped[word]
    subject_type: Mapped[word]
    subject_id: Mapped[word]
    changes: Mapped[document]

    __table_args__ = (
        check("changes_are_object", json_object("changes")),
        Index("audit_entries_by_subject", "subject_type", "subject_id", "id"),
        Index("audit_entries_by_actor", "actor", "id"),
        Index("audit_entries_by_type", "type", "id"),
        Index("audit_entries_by_time", "at"),
    )


class IdempotencyKey(Base):
    """The first outcome of a write with a key that no one execution's row orders."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(text_c, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    outcome: Mapped[document]
    created_at: Mapped[now]

    __table_args__ = (
        check("key_length", "char_length(key) BETWEEN 1 AND 200"),
        Index("idempotency_keys_by_age", "created_at"),
    )
