"""What the statement of `sight.py` found, as decisions see it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from db.definitions import graph_of
from db.state_values import spliced
from db.writes.needs import Needs
from db.writes.seen import ABSENT, Attempt, Base, Earlier, Labels, Mark, Marks, Seen, StateHead, Variable


def take(row: asyncpg.Record, seen: Seen, needs: Needs) -> None:
    """Add what a row of the statement has to what was seen; the rest of what was asked for isn't there."""
    for key in (*needs.values, *needs.kinds):
        seen.variables[key] = ABSENT
    for key in needs.steps:
        seen.latest[key] = None
    if needs.begun:
        seen.begun = {}
    for arm, take in _TAKE.items():
        text = row.get(f"{arm}_found")
        if text is not None:
            take(seen, orjson.loads(text))


def _take_state(seen: Seen, found: list[Any]) -> None:
    seen.state = StateHead(*found)


def _take_fields(seen: Seen, found: dict[str, Any]) -> None:
    seen.fields = found


def _take_end(seen: Seen, found: list[Any]) -> None:
    seen.result, seen.error = found


def _take_labels(seen: Seen, found: list[Any]) -> None:
    seen.labels = Labels(*found)


def _take_holds(seen: Seen, found: list[str]) -> None:
    seen.holds = found


def _take_values(seen: Seen, found: list[list[Any]]) -> None:
    for key, op, parts in found:
        if parts:
            is_list = op != "SET" or parts[0].startswith("[")
            seen.variables[key] = Variable(True, is_list, tuple(parts))


def _take_kinds(seen: Seen, found: list[list[Any]]) -> None:
    for key, op, kind, appended in found:
        if (op == "SET" or appended) and not seen.variables[key].there:
            seen.variables[key] = Variable(True, op != "SET" or kind == "array", None)


def _take_attempts(seen: Seen, found: list[list[Any]]) -> None:
    for columns in found:
        attempt = Attempt(*columns)
        if attempt.started_at is not None:
            attempt = attempt._replace(started_at=datetime.fromisoformat(columns[5]))
        if attempt.signed is not None:
            fingerprint, outcome = columns[-1]
            # The table keeps fingerprints for keys only.
            attempt = attempt._replace(signed=(fingerprint or outcome.pop("fingerprint"), outcome))
        seen.attempts[attempt.seq] = attempt


def _take_steps(seen: Seen, found: list[list[Any]]) -> None:
    _take_attempts(seen, found)
    seen.latest.update({key: seq for seq, key, *_ in found})


def _take_earlier(seen: Seen, found: list[list[Any]]) -> None:
    for key, fingerprint, outcome in found:
        seen.earlier[key] = Earlier(bytes.fromhex(fingerprint), outcome)


def _take_every_attempt(seen: Seen, found: list[list[Any]]) -> None:
    _take_steps(seen, sorted(found))


def _take_defined(seen: Seen, found: Any) -> None:
    seen.defined = graph_of(found)


def _take_begun(seen: Seen, found: dict[str, list[str]]) -> None:
    seen.begun = found


def _take_base(seen: Seen, found: list[Any]) -> None:
    seq, version, event_seq, step_seq, values, fields = found
    seen.base = Base(seq, version, event_seq, step_seq, _put_together(values), _put_together(fields))


def _put_together(found: list[list[Any]] | None) -> dict[str, str]:
    return {key: spliced(parts) for key, _, parts in found or () if parts}


def _take_marks(seen: Seen, found: list[Any]) -> None:
    marks, forked = found
    seen.marks = Marks({seq: Mark(*mark) for seq, *mark in marks or ()}, frozenset(forked or ()))


def _take_prunable(seen: Seen, found: int) -> None:
    seen.prunable = found


_TAKE: Mapping[str, Callable[[Seen, Any], None]] = {
    "state": _take_state,
    "fields": _take_fields,
    "end": _take_end,
    "labels": _take_labels,
    "holds": _take_holds,
    "values": _take_values,
    "every_value": _take_values,
    "kinds": _take_kinds,
    "steps": _take_steps,
    "attempts": _take_attempts,
    "every_attempt": _take_every_attempt,
    "defined": _take_defined,
    "begun": _take_begun,
    "base": _take_base,
    "checkpoints": _take_marks,
    "every_checkpoint": _take_marks,
    "prunable": _take_prunable,
    "earlier": _take_earlier,
}
