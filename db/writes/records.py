"""Log entries and reported metrics: thousands in one call."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from db.engine import Database
from db.enums import EventType
from db.errors import InvalidInput, NotFound
from db.writes.answers import Outcome
from db.writes.batch import WriteRequest
from db.writes.draft import Draft, json_text
from db.writes.needs import steps
from db.writes.write import Write
from db.writes.writer import writer_of


# Thousands a call: to make a frozen one takes 0.8 µs and not 0.2, and orjson writes one with slots as slowly.
@dataclass
class LogLine:
    """A log entry to be; without a time stamp it gets the database's time.

    `original_bytes` is how long its message was, if that was cut.
    """

    level: int
    message: str
    step_key: str | None = None
    fields: Mapping[str, Any] | None = None
    logged_at: datetime | None = None
    original_bytes: int | None = None


async def append_logs(
    database: Database, execution_id: UUID, write: Write, entries: Sequence[LogLine]
) -> tuple[int, int]:
    """Append log entries; returns the first and the last seq. Also to an execution that has ended.

    Raises `NotFound` for a step that was never started, `InvalidInput` for no entries at all.
    """
    outcome = await writer_of(database).write(appending(execution_id, write, entries))
    return outcome["first"], outcome["last"]


def appending(execution_id: UUID, write: Write, entries: Sequence[LogLine]) -> WriteRequest:
    """Log entries to be appended; the outcome has the numbers of the `first` and the `last`.

    Raises `InvalidInput` for none.
    """

    def decide(draft: Draft) -> Outcome:
        first = append(draft, entries)
        return {"first": first, "last": first + len(entries) - 1}

    if not entries:
        raise InvalidInput("`entries` is empty: there is nothing to append.")
    return WriteRequest(execution_id, write, decide, steps(steps_of_logs(entries)), brings=_size(entries))


def _size(entries: Sequence[LogLine]) -> int:
    return sum(len(entry.message) for entry in entries)


def steps_of_logs(entries: Sequence[LogLine]) -> Iterable[str]:
    """The keys of the steps that log entries name."""
    return (entry.step_key for entry in entries if entry.step_key is not None)


def append(
    draft: Draft, entries: Sequence[LogLine], step: tuple[str, int] | None = None, name: str = "entries"
) -> int:
    """Within a write: append entries, without a step those of `step` (key, seq); returns the first seq.

    Raises `NotFound` for a step that was never started, telling by `name` which entry names it.
    """
    seqs: dict[str | None, int | None] = {None: None} if step is None else {None: step[1], step[0]: step[1]}
    for at, entry in enumerate(entries):
        if entry.step_key not in seqs:
            seqs[entry.step_key] = _seq(draft, str(entry.step_key), f", which {name}[{at}] names")
    first, number = draft.take("log_seq", len(entries)), len(entries)
    draft.rows.add_columns(
        "log_entries",
        {
            "execution_id": [draft.id] * number,
            "seq": list(range(first, first + number)),
            "step_seq": [seqs[entry.step_key] for entry in entries],
            "level": [entry.level for entry in entries],
            "message": [entry.message for entry in entries],
            "fields": [None if entry.fields is None else json_text(entry.fields) for entry in entries],
            "logged_at": [entry.logged_at or draft.now for entry in entries],
            "original_bytes": [entry.original_bytes for entry in entries],
        },
    )
    last = first + number - 1
    draft.note(EventType.LOGS_APPENDED, {"logs": {"count": number, "firstSeq": first, "lastSeq": last}})
    return first


async def record_metrics(
    database: Database, execution_id: UUID, write: Write, step_key: str | None, values: Mapping[str, Any]
) -> None:
    """Record numbers by name, of the execution or of a step's last attempt.

    Raises `InvalidInput` for what is no finite number, `NotFound` for a step that was never started.
    """
    if not values:
        raise InvalidInput("`values` is empty: there is nothing to record.")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidInput(f"Metric {name!r} is no finite number.")
        if not 1 <= len(name) <= 200:
            raise InvalidInput("The name of a metric has 1 to 200 characters.")

    def decide(draft: Draft) -> Outcome:
        step = None if step_key is None else _seq(draft, step_key)
        first = draft.take("metric_seq", len(values))
        for seq, (name, value) in enumerate(values.items(), first):
            row = {"execution_id": draft.id, "seq": seq, "step_seq": step, "name": name}
            draft.rows.add("metric_points", {**row, "value": float(value)})
        draft.note(EventType.METRICS_RECORDED, {"metrics": {"after": sorted(values)}})
        return {}

    needs = steps(() if step_key is None else (step_key,))
    await writer_of(database).write(WriteRequest(execution_id, write, decide, needs))


def _seq(draft: Draft, key: str, where: str = "") -> int:
    """The seq of the last attempt at a step; raises `NotFound` for one that was never started."""
    latest = draft.latest(key)
    if latest is None:
        raise NotFound("step", f"{key!r} in execution exec_{draft.id.hex}{where}")
    return latest.seq
