"""Steps: every attempt at every step of an execution."""

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from db.enums import TERMINAL_STEP, StepStatus
from db.models.base import (
    BY_EXECUTION,
    Base,
    check,
    count,
    document,
    execution_pk,
    json_object,
    moment,
    now,
    one_of,
    seq_pk,
    word,
    words,
)
from db.models.executions import end_of_time_if_null

_TERMINAL = one_of("status", TERMINAL_STEP)


class Step(Base):
    """One attempt at one step; a retry is another row with the next attempt.

    `event_seq` is the event that changed it last: what tells, on recovery, whether a checkpoint knew of it.
    """

    __tablename__ = "steps"

    execution_id: Mapped[execution_pk]
    seq: Mapped[seq_pk]
    key: Mapped[word]
    attempt: Mapped[int]
    name: Mapped[word]
    type: Mapped[word]
    status: Mapped[word]
    event_seq: Mapped[count]
    input: Mapped[document | None]
    output: Mapped[document | None]
    error: Mapped[document | None]
    depends_on: Mapped[words]
    metrics: Mapped[document | None]
    created_at: Mapped[now]
    started_at: Mapped[moment | None]
    completed_at: Mapped[moment | None]

    __table_args__ = (
        UniqueConstraint("execution_id", "key", "attempt"),
        check("status_known", one_of("status", StepStatus)),
        check("completed_at_set_exactly_when_terminal", f"(completed_at IS NOT NULL) = ({_TERMINAL})"),
        check(
            "started_when_running",
            f"started_at IS NOT NULL OR NOT {one_of('status', ['RUNNING', 'COMPLETED', 'FAILED'])}",
        ),
        check("completed_after_start", "completed_at >= started_at"),
        check("output_only_when_completed", "output IS NULL OR status = 'COMPLETED'"),
        check(
            "error_only_when_unsuccessful",
            f"error IS NULL OR {one_of('status', ['RETRYING', 'FAILED', 'CANCELLED', 'TIMED_OUT'])}",
        ),
        check("error_is_object", json_object("error")),
        check("metrics_are_object", json_object("metrics")),
        check("seq_counts_from_one", "seq >= 1"),
        check("attempt_counts_from_one", "attempt >= 1"),
        check("key_length", "char_length(key) BETWEEN 1 AND 500"),
        Index("steps_by_status", "execution_id", "status", "seq"),
        Index("steps_by_type", "execution_id", "type", "seq"),
        Index("steps_by_start", "execution_id", end_of_time_if_null("started_at"), "seq"),
        BY_EXECUTION,
    )
