"""An execution as a write sees it and changes it, in memory.

A decision is a plain function of a `Draft`. It awaits nothing and touches no database: it looks at what was
seen (the head, the state, variables, attempts, as they stand after the writes before it in the same batch)
and notes rows, changes and events. Where it raises, its draft is thrown away and nothing of it counts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from db.enums import TERMINAL_EXECUTION, EventType, ExecutionStatus
from db.errors import InvalidTransition, StaleLease
from db.jsonb import exact_text
from db.transitions import EXECUTION_MOVES
from db.writes.answers import Outcome
from db.writes.arms_of_heads import ADVANCED
from db.writes.holds import on_hold
from db.writes.needs import Needs, Unseen
from db.writes.rows import Row, Rows
from db.writes.seen import Attempt, Base, Head, Labels, Marks, Seen, StateHead, Variable
from db.writes.write import Write, shown


def json_text(value: Any) -> str:
    """A JSON value as the text that is stored."""
    return orjson.dumps(value).decode()


class Draft:
    """What one write sees of its execution, and what it makes of it."""

    def __init__(self, seen: Seen, write: Write) -> None:
        self.id = seen.head.id
        self.write = write
        self.rows = Rows()
        # Of its own: a write that is refused half-way leaves what the next one sees as it was.
        self._seen = seen.copy()
        # By counter: put into the head when that is looked at, which is less often than something is counted.
        self._taken: dict[str, Any] = {}
        self._found = seen.head, seen.state
        self._changed: Row = {}
        self._labelled: Row = {}
        self._state_changed: Row = {}
        self._new_steps: dict[int, Row] = {}
        self._changed_steps: dict[int, Row] = {}
        self._events: list[tuple[EventType, Mapping[str, Any]]] = []
        self._signed: int | None = None

    def next(self, write: Write) -> "Draft":
        """What the write after this one begins with."""
        after = Draft(self.seen, write)
        after._found = self._found
        after._changed, after._labelled = dict(self._changed), dict(self._labelled)
        after._state_changed = dict(self._state_changed)
        after._new_steps, after._changed_steps = dict(self._new_steps), dict(self._changed_steps)
        return after

    @property
    def seen(self) -> Seen:
        """All of it as it stands within the write; `row_version` is the one that was found."""
        if self._taken:
            self._settle()
        return self._seen

    @property
    def changes_row(self) -> bool:
        """Whether the execution's own row changes."""
        return bool(self._changed or self._labelled or self.head != self._found[0])

    @property
    def now(self) -> datetime:
        """The database's clock when the batch looked: when all of the write happens."""
        return self._seen.now

    @property
    def head(self) -> Head:
        """The execution's row as it stands within the write."""
        if self._taken:
            self._settle()
        return self._seen.head

    def _settle(self) -> None:
        self._seen.head = self._seen.head._replace(**self._taken)
        self._taken = {}

    def change(self, **columns: Any) -> None:
        """Change columns of the execution."""
        self._seen.head = self.head._replace(**columns)

    def set_end(self, result: Any, error: Any) -> None:
        """The execution has this result and this error, or none."""
        self._seen.result, self._seen.error = result, error
        self._changed |= {"result": json_text(result), "error": json_text(error)}

    @property
    def labels(self) -> Labels:
        """Tags and attributes as they stand within the write."""
        if self._seen.labels is None:
            raise LookupError("The write did not say that it needs the labels.")
        return self._seen.labels

    def set_tags(self, tags: Sequence[str]) -> None:
        """The execution has these tags and no others."""
        self._seen.labels = self.labels._replace(tags=tags)
        self._labelled["tags"] = json_text(tags)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """The execution has these attributes and no others."""
        self._seen.labels = self.labels._replace(attributes=attributes)
        text = json_text(attributes)
        self._labelled |= {"attributes": text, "attributes_exact": exact_text(text)}

    @property
    def state(self) -> StateHead:
        """The state's head as it stands within the write."""
        if self._seen.state is None:
            raise LookupError("The write did not say that it needs the state.")
        return self._seen.state

    def set_state(self, state: StateHead, **columns: Any) -> None:
        """The state gets this head; `columns` are what else changes in its row."""
        self._seen.state = state
        self._state_changed |= columns

    @property
    def fields(self) -> Mapping[str, Any]:
        """The state's own fields as they stand within the write."""
        return self._seen.fields

    def set_field(self, name: str, value: Any) -> None:
        """Change one of the state's own fields."""
        self._seen.fields[name] = value
        self._state_changed[name] = json_text(value)

    @property
    def variables(self) -> Mapping[str, Variable]:
        """The variables that the write asked for, as they stand."""
        return self._seen.variables

    def set_variable(self, key: str, value: Variable) -> None:
        """A variable is this from now on."""
        self._seen.variables[key] = value

    @property
    def end(self) -> dict[str, Any]:
        """The result and the error that the execution has."""
        return {"result": self._seen.result, "error": self._seen.error}

    def latest(self, key: str) -> Attempt | None:
        """The last attempt at a step; None before the first."""
        seq = self._seen.latest[key]
        return None if seq is None else self._seen.attempts[seq]

    def attempts(self) -> list[Attempt]:
        """All attempts, in their order; for a write that asked for them."""
        return [attempt for _, attempt in sorted(self._seen.attempts.items())]

    def require_no_hold(self) -> None:
        """Raise `InvalidInput` where the execution or its workflow version is on hold."""
        if self._seen.holds is None:
            raise LookupError("The write did not say that it needs the holds.")
        if self._seen.holds:
            raise on_hold(self._seen.holds[0])

    @property
    def defined(self) -> Mapping[str, Sequence[str]]:
        """What the steps of the workflow's definition depend on."""
        return self._seen.defined

    def begun(self) -> dict[str, Sequence[str]]:
        """What the steps that have begun depend on, by their last attempts."""
        if self._seen.begun is None:
            raise Unseen(Needs(begun=True))
        there = {key: self._seen.attempts[seq] for key, seq in self._seen.latest.items() if seq is not None}
        return {**self._seen.begun, **{key: attempt.depends_on for key, attempt in there.items()}}

    @property
    def base(self) -> Base | None:
        """Where a recovery goes back to; None where the checkpoint isn't there."""
        return self._seen.base

    def marks(self, seq: int | None = None) -> Marks:
        """A checkpoint and what follows it, or all checkpoints; only for a write that is `exclusive`."""
        if self._seen.marks is None:
            asked = frozenset[int]() if seq is None else frozenset((seq,))
            raise Unseen(Needs(checkpoints=asked, every_checkpoint=seq is None))
        return self._seen.marks

    def prunable(self, ranges: Sequence[tuple[int, int]]) -> int:
        """How many rows of variables are in these ranges of versions that the last of each doesn't see."""
        if not ranges:
            return 0
        if self._seen.prunable is None:
            raise Unseen(Needs(prunable=tuple(ranges)))
        return self._seen.prunable

    def prune(self, ranges: Sequence[tuple[int, int]], floor: int) -> None:
        """Delete those rows; versions before the `floor` can't be read one by one any more."""
        for first, last in ranges:
            self.rows.add("hidden_entries", {"execution_id": self.id, "first": first, "last": last})
        self.set_state(self.state, pruned_to=floor)

    def attempt(self, seq: int) -> Attempt | None:
        """An attempt by its number; None where there is none."""
        return self._seen.attempts.get(seq)

    def add_attempt(self, attempt: Attempt, row: Row, like: Attempt | None, *, whole: bool = False) -> None:
        """Another attempt; `row` has its columns, and what it doesn't say is as in the attempt `like`.

        That is the description only, unless it is a copy of the `whole`.
        """
        if like is not None:
            # A row of the same statement can't be read by it: what it says is taken from here.
            there = self._new_steps.get(like.seq, {"like_seq": like.seq})
            row = {**{name: there.get(name) for name in _DESCRIPTION}, **row, "whole": whole}
        self._seen.attempts[attempt.seq] = attempt
        self._seen.latest[attempt.key] = attempt.seq
        self._new_steps[attempt.seq] = row

    def change_attempt(self, attempt: Attempt, row: Row) -> None:
        """An attempt is this from now on; `row` has the columns that change."""
        self._seen.attempts[attempt.seq] = attempt
        pending = self._new_steps if attempt.seq in self._new_steps else self._changed_steps
        pending[attempt.seq] = {**pending.get(attempt.seq, {}), **row}

    def sign(self, seq: int, outcome: Outcome) -> None:
        """Let the write be known again by its input, without a key, as the one that ended an attempt."""
        attempt = self._seen.attempts[seq]
        self._signed = attempt.event_seq
        self._seen.attempts[seq] = attempt._replace(signed=(self.write.fingerprint.hex(), outcome))

    def take(self, counter: str, number: int = 1) -> int:
        """Take `number` values from a counter of the execution; returns the first of them."""
        taken: int | None = self._taken.get(counter)
        if taken is None:
            taken = getattr(self._seen.head, counter)
        self._taken[counter] = taken + number
        return taken + 1

    def note(self, kind: EventType, changes: Mapping[str, Any]) -> int:
        """Note an event; returns its number."""
        self._events.append((kind, shown(changes)))
        return self.take("event_seq")

    @property
    def leased(self) -> bool:
        """Whether a lease is valid, by the database's clock."""
        expires_at = self.head.lease_expires_at
        return expires_at is not None and expires_at > self.now

    def require_lease(self, holder: str | None = None) -> None:
        """Raise `StaleLease` where a lease is valid and the write does not show its epoch.

        For what only an engine writes. The lease of `holder` doesn't count.
        """
        head, write = self.head, self.write
        if write.epoch is None and not write.lenient and self.leased and head.lease_holder != holder:
            raise StaleLease(None, head.lease_holder, head.lease_epoch, head.lease_expires_at, _SHOW_EPOCH)

    def require_live(self) -> None:
        """Raise `InvalidTransition` where the execution has ended: only recovery leaves that."""
        if self.head.status in TERMINAL_EXECUTION:
            status = ExecutionStatus(self.head.status)
            raise InvalidTransition(status, ExecutionStatus.RUNNING, EXECUTION_MOVES[status])

    def finish(self, outcome: Outcome) -> None:
        """Put down the events; the first carries the idempotency key and the outcome."""
        if self.write.key is not None and not self._events:
            # Nothing changed, but the caller wants to be told the same again.
            self.note(EventType.NOTHING_CHANGED, {})
        first = self.head.event_seq - len(self._events) + 1
        for seq, (kind, changes) in enumerate(self._events, first):
            row = {"execution_id": self.id, "seq": seq, "type": kind, "actor": self.write.actor}
            row |= {"at": self.now, "changes": json_text(changes)}
            if seq == first and self.write.key is not None:
                row |= {"idempotency_key": self.write.key, "fingerprint": self.write.fingerprint}
                row["outcome"] = json_text(outcome)
            elif seq == self._signed:
                # The table keeps fingerprints for keys only.
                row["outcome"] = json_text(outcome | {"fingerprint": self.write.fingerprint.hex()})
            self.rows.add("events", row)

    @property
    def is_lean(self) -> bool:
        """Whether it changes no more than most writes do, for which statements have arms of their own."""
        return (
            not (self._changed or self._labelled)
            and self.head.differs_by_count(self._found[0])
            and self._state_changed.keys() <= ADVANCED.keys()
            and not any(row.get("like_seq") for row in self._new_steps.values())
        )

    def pending(self, *, lean: bool) -> Rows:
        """The changes to rows that several writes of a batch share: the execution, the state, its steps.

        In the arms for what most writes change where all of the batch is `lean`: statements of all mixtures
        would be too many for PostgreSQL to keep.
        """
        rows, head, (before, state) = Rows(), self.head, self._found
        if self._labelled:
            rows.add("labelled_executions", {**head._asdict(), **self._changed, **self._labelled})
        elif lean and head != before:
            rows.add("counted_executions", {"id": self.id, **head.counted()})
        elif self._changed or head != before:
            rows.add("executions", {**head._asdict(), **self._changed})
        if self._seen.state is not None and (self._state_changed or self._seen.state != state):
            row = {"execution_id": self.id, **self._seen.state._asdict(), **self._state_changed}
            rows.add("advanced_states" if lean else "states", row)
        for seq, row in self._new_steps.items():
            rows.add("new_steps" if lean else "repeated_steps", {"execution_id": self.id, "seq": seq, **row})
        for seq, row in self._changed_steps.items():
            rows.add("steps", {"execution_id": self.id, "seq": seq, **row})
        return rows


_SHOW_EPOCH = (
    "While a lease lasts, its holder alone writes steps, state, checkpoints and ends, and sends its `epoch`; "
    "others wait until it is over, cancel the execution, or take it by `recoverExecution` with `force: true`."
)
_DESCRIPTION = ("name", "type", "input", "depends_on", "like_seq")
