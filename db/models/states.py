"""States: an execution's variables as versioned rows, and the checkpoints that name a version.

A save writes rows for what changed; a checkpoint copies nothing. The value of a key at version v is its
last SET at or before v followed by the APPENDs after it, unless a DELETE came later.
"""

from sqlalchemy import Boolean, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import StateOp
from db.models.base import (
    BY_EXECUTION,
    Base,
    bigint,
    check,
    count,
    document,
    execution_pk,
    now,
    one_of,
    prose,
    searchable,
    seq_pk,
    text_c,
    word,
    words,
)


class State(Base):
    """The head of an execution's state: its version and its small fields as they stand now.

    `checkpoint_seq` is the checkpoint that it descends from: the last that was taken or restored. Versions
    before `pruned_to` can be read only where a checkpoint names them.
    """

    __tablename__ = "states"

    execution_id: Mapped[execution_pk]
    version: Mapped[count]
    current_step: Mapped[word | None]
    completed_steps: Mapped[words]
    failed_steps: Mapped[words]
    skipped_steps: Mapped[words]
    parallel_groups: Mapped[document | None]
    checkpoint_seq: Mapped[bigint | None]
    pruned_to: Mapped[count]
    updated_at: Mapped[now]

    __table_args__ = (check("version_not_negative", "version >= 0"), BY_EXECUTION)


class StateEntry(Base):
    """What one version did to one key: a variable, or one of the state's own fields (`field`).

    `value_exact` has the value's text where jsonb would change the form of a number (`db.jsonb`).
    """

    __tablename__ = "state_entries"

    execution_id: Mapped[execution_pk]
    field: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("false"))
    key: Mapped[str] = mapped_column(text_c, primary_key=True)
    version: Mapped[seq_pk]
    op: Mapped[word]
    value: Mapped[searchable | None]
    recorded_at: Mapped[now]
    value_exact: Mapped[document | None]

    __table_args__ = (
        check("op_known", one_of("op", StateOp)),
        check("value_unless_deleted", "(op = 'DELETE') = (value IS NULL)"),
        check("only_lists_are_appended", "op <> 'APPEND' OR jsonb_typeof(value) = 'array'"),
        check("version_counts_from_one", "version >= 1"),
        check("key_length", "char_length(key) BETWEEN 1 AND 500"),
        BY_EXECUTION,
    )


class Checkpoint(Base):
    """A named version of the state to come back to.

    `event_seq` and `step_seq` say how far the history and the attempts had come, so that recovery can tell
    what was done by then.
    """

    __tablename__ = "checkpoints"

    execution_id: Mapped[execution_pk]
    seq: Mapped[seq_pk]
    parent_seq: Mapped[bigint | None]
    step_key: Mapped[word | None]
    label: Mapped[prose | None]
    state_version: Mapped[bigint]
    event_seq: Mapped[count]
    step_seq: Mapped[count]
    data: Mapped[document | None]
    created_by: Mapped[prose]
    created_at: Mapped[now]

    __table_args__ = (
        check("seq_counts_from_one", "seq >= 1"),
        check("parent_comes_before", "parent_seq < seq"),
        check("state_version_not_negative", "state_version >= 0"),
        Index(
            "checkpoints_by_parent",
            "execution_id",
            "parent_seq",
            postgresql_where=text("parent_seq IS NOT NULL"),
        ),
        BY_EXECUTION,
    )
