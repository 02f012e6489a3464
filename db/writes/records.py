"""Log entries and reported metrics: thousands in one call."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from db.engine import Database
from db.enums import EventType
from db.errors import InvalidInput, NotFound
from db.writes.unit import Outcome, Unit, write_execution
from db.writes.write import Write

_INSERT_LOGS = """
INSERT INTO log_entries (execution_id, seq, step_seq, level, message, fields, logged_at, original_bytes)
SELECT $1, seq, step_seq, level, message, fields::json, coalesce(logged_at, statement_timestamp()),
       original_bytes
FROM unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::text[], $6::text[], $7::timestamptz[],
            $8::bigint[])
     AS given(seq, step_seq, level, message, fields, logged_at, original_bytes)
"""
_INSERT_POINTS = """
INSERT INTO metric_points (execution_id, seq, step_seq, name, value)
SELECT $1, seq, $3, name, value FROM unnest($2::bigint[], $4::text[], $5::float8[]) AS given(seq, name, value)
"""
_LATEST_ATTEMPTS = """
SELECT DISTINCT ON (key) key, seq FROM steps WHERE execution_id = $1 AND key = ANY($2::text[])
ORDER BY key, attempt DESC
"""


@dataclass(frozen=True, slots=True)
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

    async def work(unit: Unit) -> Outcome:
        first = await append_in_unit(unit, entries)
        return {"first": first, "last": first + len(entries) - 1}

    if not entries:
        raise InvalidInput("`entries` is empty: there is nothing to append.")
    outcome = await write_execution(database, execution_id, write, work)
    return outcome["first"], outcome["last"]


async def append_in_unit(
    unit: Unit, entries: Sequence[LogLine], step: tuple[str, int] | None = None, name: str = "entries"
) -> int:
    """Within a write: append entries, without a step those of `step` (key, seq); returns the first seq.

    Raises `NotFound` for a step that was never started, telling by `name` which entry names it.
    """
    seq_of = await _latest_attempts(unit, {entry.step_key for entry in entries if entry.step_key is not None})
    for number, entry in enumerate(entries):
        if entry.step_key is not None and entry.step_key not in seq_of:
            raise _no_step(unit, entry.step_key, f", which {name}[{number}] names")
    default = None
    if step is not None:
        seq_of[step[0]] = default = step[1]
    first = unit.take("log_seq", len(entries))
    await unit.driver.execute(
        _INSERT_LOGS,
        unit.id,
        list(range(first, first + len(entries))),
        [default if entry.step_key is None else seq_of[entry.step_key] for entry in entries],
        [entry.level for entry in entries],
        [entry.message for entry in entries],
        [None if entry.fields is None else orjson.dumps(entry.fields).decode() for entry in entries],
        [entry.logged_at for entry in entries],
        [entry.original_bytes for entry in entries],
    )
    last = first + len(entries) - 1
    unit.note(EventType.LOGS_APPENDED, {"logs": {"count": len(entries), "firstSeq": first, "lastSeq": last}})
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

    async def work(unit: Unit) -> Outcome:
        step = None
        if step_key is not None:
            step = (await _latest_attempts(unit, {step_key})).get(step_key)
            if step is None:
                raise _no_step(unit, step_key)
        first = unit.take("metric_seq", len(values))
        seqs = list(range(first, first + len(values)))
        numbers = [float(value) for value in values.values()]
        await unit.driver.execute(_INSERT_POINTS, unit.id, seqs, step, list(values), numbers)
        unit.note(EventType.METRICS_RECORDED, {"metrics": {"after": sorted(values)}})
        return {}

    await write_execution(database, execution_id, write, work)


async def _latest_attempts(unit: Unit, keys: set[str]) -> dict[str, int]:
    """The seq of the last attempt at each of the steps that were ever started."""
    if not keys:
        return {}
    rows = await unit.driver.fetch(_LATEST_ATTEMPTS, unit.id, sorted(keys))
    return {row["key"]: row["seq"] for row in rows}


def _no_step(unit: Unit, key: str, where: str = "") -> NotFound:
    return NotFound("step", f"{key!r} in execution exec_{unit.id.hex}{where}")
