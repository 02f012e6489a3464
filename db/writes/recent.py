"""Executions as the last writes of this process left them, so that the next write need not look.

Nothing of it is believed: what is decided by it is written on the condition that the execution's row is still
the one that was left, and that what was taken to be new is new. No refusal is given by it.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import attrgetter
from typing import NamedTuple, TypeVar
from uuid import UUID

import orjson

from db.enums import TERMINAL_STEP
from db.writes.conditions import Condition
from db.writes.draft import Draft
from db.writes.needs import Needs
from db.writes.rows import Written
from db.writes.seen import ABSENT, Attempt, Seen

K = TypeVar("K")
V = TypeVar("V")

# For so long this process's clock is taken to go as fast as the database's.
SECONDS = 60.0
MOST_BYTES = 8 * 1024 * 1024
_MOST_OF_ONE = 64 * 1024
# Ended attempts are seldom asked for again: beyond so many in all, the last few are left.
_MOST_ATTEMPTS, _LAST_ENDED = 16, 8
_MOST_UNDER_WAY = 50
_EACH = 2000
# What is looked for each time: it depends on more than the execution, or is seldom needed.
_FLEETING = (
    "end",
    "labels",
    "holds",
    "every_attempt",
    "defined",
    "begun",
    "base",
    "checkpoints",
    "every_checkpoint",
    "prunable",
)


class Recalled(NamedTuple):
    """What is known of an execution, and on which condition."""

    seen: Seen
    condition: Condition


@dataclass(frozen=True, slots=True)
class _Left:
    """An execution as it was left, `at` a moment of this process's clock; `whole` with all its variables.

    `weights` are the sizes of its attempts; where some under way are left out, `more` are under way. One in
    which somebody else was found to write is not `trusted` until it is once found as it was left.
    """

    seen: Seen
    at: float
    whole: bool
    more: bool
    weights: Mapping[int, int]
    size: int
    trusted: bool


class Recent:
    """The executions that were written last, of about `most_bytes` together."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._left: OrderedDict[UUID, _Left] = OrderedDict()

    def recall(self, key: UUID, needs: Needs, keys: Iterable[str]) -> Recalled | None:
        """What writes with these needs and idempotency keys see; None where that takes a look."""
        left = self._left.get(key)
        if left is None or not left.trusted or not _covers(left, needs):
            return None
        elapsed = time.monotonic() - left.at
        if elapsed > SECONDS:
            return None
        seen = left.seen
        new = tuple(step for step in needs.steps if step not in seen.latest)
        absent = [name for name in (*needs.values, *needs.kinds) if name not in seen.variables]
        recalled = Seen(
            # Never ahead of the database's clock, which was read before its answer arrived.
            seen.now + timedelta(seconds=elapsed),
            seen.head,
            seen.row_version,
            state=seen.state,
            fields=seen.fields,
            variables={**seen.variables, **dict.fromkeys(absent, ABSENT)} if absent else seen.variables,
            latest={**seen.latest, **dict.fromkeys(new)} if new else seen.latest,
            attempts=seen.attempts,
        )
        return Recalled(recalled, Condition(seen.row_version, new, tuple(keys)))

    def keep(self, key: UUID, draft: Draft, needs: Needs, written: Written) -> None:
        """Writes with these needs have left an execution as their last draft has it."""
        before = self._pop(key)
        if _is_fleeting(needs):
            return
        same = before if before is not None and before.seen.row_version == draft.seen.row_version else None
        seen = _left(draft, written, same)
        seen, more = _trimmed(seen)
        weights = {
            seq: same.weights[seq] if same and same.seen.attempts.get(seq) is attempt else _weight(attempt)
            for seq, attempt in seen.attempts.items()
        }
        size = _size(seen) + sum(weights.values())
        if size > _MOST_OF_ONE:
            return
        self._left[key] = _Left(
            seen,
            time.monotonic(),
            whole=needs.every_value or (same is not None and same.whole),
            more=more or (same is not None and same.more),
            weights=weights,
            size=size,
            trusted=before is None or before.trusted or same is not None,
        )
        self._bytes += size
        while self._bytes > self._most_bytes:
            self._pop(next(iter(self._left)))

    def distrust(self, keys: Iterable[UUID]) -> None:
        """Somebody else writes to these, or may have."""
        for key in keys:
            if (left := self._left.get(key)) is not None:
                self._left[key] = replace(left, trusted=False)

    def _pop(self, key: UUID) -> _Left | None:
        if (left := self._left.pop(key, None)) is not None:
            self._bytes -= left.size
        return left


_fleeting = attrgetter(*_FLEETING)


def _is_fleeting(needs: Needs) -> bool:
    return any(_fleeting(needs))


def _covers(left: _Left, needs: Needs) -> bool:
    seen = left.seen
    return (
        (seen.state is not None or not needs.state)
        and (bool(seen.fields) or not needs.fields)
        and (left.whole or (not needs.every_value and _has_variables(seen, needs)))
        and needs.attempts <= seen.attempts.keys()
        and (not left.more or needs.steps <= seen.latest.keys())
        and not _is_fleeting(needs)
    )


def _has_variables(seen: Seen, needs: Needs) -> bool:
    there = seen.variables
    if not (needs.kinds <= there.keys() and needs.values <= there.keys()):
        return False
    for key in needs.values:
        variable = there[key]
        if variable.there and variable.parts is None:
            return False
    return True


def _left(draft: Draft, written: Written, before: _Left | None) -> Seen:
    """How a draft leaves its execution, with what was known of it `before`."""
    seen = draft.seen
    known = seen if before is None else before.seen
    return Seen(
        written.now,
        seen.head,
        written.row_version if draft.changes_row else seen.row_version,
        state=seen.state or known.state,
        fields=seen.fields or known.fields,
        variables=_joined(known.variables, seen.variables),
        latest=_joined(known.latest, seen.latest),
        attempts=_joined(known.attempts, seen.attempts),
    )


def _joined(before: dict[K, V], after: dict[K, V]) -> dict[K, V]:
    return after if not before or before.keys() <= after.keys() else {**before, **after}


def _trimmed(seen: Seen) -> tuple[Seen, bool]:
    """With the attempts under way and the last others; and whether some under way are left out."""
    if len(seen.attempts) <= _MOST_ATTEMPTS and len(seen.latest) <= _MOST_ATTEMPTS:
        return seen, False
    ordered = sorted(seen.attempts.items())
    ended = [one for one in ordered if one[1].status in TERMINAL_STEP]
    under_way = [one for one in ordered if one[1].status not in TERMINAL_STEP]
    kept = dict(ended[-_LAST_ENDED:] + under_way[-_MOST_UNDER_WAY:])
    latest: dict[str, int | None] = {key: seq for key, seq in seen.latest.items() if seq in kept}
    return replace(seen, attempts=kept, latest=latest), len(under_way) > _MOST_UNDER_WAY


def _weight(attempt: Attempt) -> int:
    return _EACH // 4 + len(orjson.dumps((attempt.input, attempt.output, attempt.error, attempt.metrics)))


def _size(seen: Seen) -> int:
    """About how many bytes it takes, but for its attempts."""
    size = _EACH + (len(orjson.dumps(seen.fields)) if seen.fields else 0)
    for key, variable in seen.variables.items():
        size += len(key)
        for part in variable.parts or ():
            size += len(part)
    return size
