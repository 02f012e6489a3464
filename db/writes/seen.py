"""What a write sees of its execution: the rows as they are, under the lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from db.state_values import spliced
from db.writes.arms_of_heads import COUNTED


class Head(NamedTuple):
    """The execution's own row, without what can be large."""

    id: UUID
    workflow_id: UUID
    status: str
    lease_holder: str | None
    lease_epoch: int
    lease_expires_at: datetime | None
    heartbeat_at: datetime | None
    event_seq: int
    log_seq: int
    step_seq: int
    checkpoint_seq: int
    metric_seq: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    def counted(self) -> dict[str, Any]:
        """What most writes change."""
        return dict(zip(COUNTED, _counted(self), strict=True))

    def differs_by_count(self, before: "Head") -> bool:
        """Whether nothing else differs."""
        return _others(self) == _others(before)


_counted = attrgetter(*COUNTED)
_others = attrgetter(*(name for name in Head._fields if name not in COUNTED))


class StateHead(NamedTuple):
    """The state's version, and the checkpoint that it descends from."""

    version: int
    checkpoint_seq: int | None


class Labels(NamedTuple):
    """What an execution is found by."""

    tags: Sequence[str]
    attributes: Mapping[str, Any]


class Variable(NamedTuple):
    """A variable as it is: absent, a list, or something else.

    `parts` are the JSON texts whose lists, put together, are its value; None where only its kind was asked.
    """

    there: bool
    is_list: bool
    parts: tuple[str, ...] | None

    @property
    def text(self) -> str | None:
        """The value as JSON; None where it is absent. Only for one whose value was asked for."""
        return spliced(self.parts) if self.there and self.parts is not None else None


ABSENT = Variable(False, False, ())


class Attempt(NamedTuple):
    """An attempt at a step. Where all attempts are asked for, what can be large is left out.

    `signed` is by what the commit that ended it is known again: its fingerprint and its outcome.
    """

    seq: int
    key: str
    attempt: int
    status: str
    event_seq: int
    started_at: datetime | None
    metrics: Any = None
    output: Any = None
    error: Any = None
    name: str = ""
    type: str = ""
    input: Any = None
    depends_on: Sequence[str] = ()
    signed: tuple[str, dict[str, Any]] | None = None

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"Attempt {self.attempt} at the step {self.key!r}"


class Base(NamedTuple):
    """Where a recovery goes back to: a checkpoint, or the beginning; with the state then, as JSON texts."""

    seq: int | None
    state_version: int
    event_seq: int
    step_seq: int
    variables: Mapping[str, str]
    fields: Mapping[str, str]


class Mark(NamedTuple):
    """A checkpoint: the one that it follows, and the version that it names."""

    parent_seq: int | None
    state_version: int


class Marks(NamedTuple):
    """Checkpoints in the order of their numbers, and which ones forks have come from."""

    there: Mapping[int, Mark]
    forked: frozenset[int]


class Earlier(NamedTuple):
    """An earlier write with the same idempotency key."""

    fingerprint: bytes
    outcome: dict[str, Any]


@dataclass(slots=True)
class Seen:
    """An execution as a batch found it; `now` is the database's clock when it did.

    `row_version` tells whether its row is still the same: the transaction that wrote it (`xmin`); 0 where the
    row is locked.
    """

    now: datetime
    head: Head
    row_version: int
    state: StateHead | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    result: Any = None
    error: Any = None
    labels: Labels | None = None
    holds: Sequence[str] | None = None
    variables: dict[str, Variable] = field(default_factory=dict)
    latest: dict[str, int | None] = field(default_factory=dict)
    attempts: dict[int, Attempt] = field(default_factory=dict)
    base: Base | None = None
    marks: Marks | None = None
    prunable: int | None = None
    defined: Mapping[str, Sequence[str]] = field(default_factory=dict)
    begun: Mapping[str, Sequence[str]] | None = None
    earlier: dict[str, Earlier] = field(default_factory=dict)

    def copy(self) -> "Seen":
        """The same, to be changed by itself; spelled out, for it is made for every write."""
        return Seen(
            self.now,
            self.head,
            self.row_version,
            self.state,
            dict(self.fields),
            self.result,
            self.error,
            self.labels,
            self.holds,
            dict(self.variables),
            dict(self.latest),
            dict(self.attempts),
            self.base,
            self.marks,
            self.prunable,
            self.defined,
            self.begun,
            self.earlier,
        )
