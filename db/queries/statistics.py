"""Numbers over many executions or steps, counted by the database in one statement.

Everything here is about executions created within a window, which becomes a range of ids: the statements
touch the partitions of that time and no others. Percentiles are exact and interpolate between rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from db.enums import Ending, ExecutionStatus, StepStatus
from db.errors import InvalidInput, TooComplex
from db.queries.batch import fetch_many
from db.queries.filters import ExecutionFilter, StepFilter, keyed_between
from db.queries.pages import Row
from db.queries.predicates import Parameters

DEFAULT_SPAN = timedelta(days=30)
MOST_GROUPS = 1000
SHORTEST_BUCKET = timedelta(minutes=1)

# Buckets start where UTC's days and hours do.
_ORIGIN = "timestamptz '1970-01-01 00:00:00+00'"
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_TIMES = {"DAY": timedelta(days=1), "HOUR": timedelta(hours=1)}
_KEYS: dict[str, dict[str, str]] = {
    "WORKFLOW": {"name": "w.name"},
    "VERSION": {"name": "w.name", "version": "w.version", "workflow_id": "c.workflow_id"},
    "STATUS": {"status": "c.status"},
    "TRIGGER": {"trigger_type": "c.trigger_type"},
    "ENVIRONMENT": {"environment": "w.environment"},
    "TAG": {"tag": "t.tag"},
}


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A window of time."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Grouping:
    """What executions have in common that are counted together; `bucket` is a length of time."""

    by: tuple[str, ...] = ()
    bucket: timedelta | None = None

    @classmethod
    def of(cls, by: Sequence[str], bucket: timedelta | None) -> "Grouping":
        """The grouping by these things; raises `InvalidInput` for two lengths of time."""
        times = {_TIMES[name] for name in by if name in _TIMES} | ({bucket} if bucket else set())
        if len(times) > 1:
            raise InvalidInput("Only one of DAY, HOUR and `bucket` can be grouped by.")
        if bucket is not None and bucket < SHORTEST_BUCKET:
            raise InvalidInput("A `bucket` can't be shorter than a minute.")
        return cls(tuple(dict.fromkeys(by)), next(iter(times), None))

    def keys(self, parameters: Parameters) -> dict[str, str]:
        """The columns that tell the groups apart, by name, in their order."""
        found: dict[str, str] = {}
        for name in self.by:
            found |= self._bucket(parameters) if name in _TIMES else _KEYS[name]
        return found if self.bucket is None or "bucket" in found else found | self._bucket(parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those columns."""
        return tuple(self.keys(Parameters()))

    def _bucket(self, parameters: Parameters) -> dict[str, str]:
        length = parameters.add(self.bucket, "interval")
        return {"bucket": f"date_bin({length}, c.created_at, {_ORIGIN})"}


def covered(narrowed: ExecutionFilter, now: datetime) -> tuple[ExecutionFilter, TimeSpan]:
    """The filter with a beginning, and the window that it covers: without one the last 30 days."""
    created = narrowed.created
    lower = [bound for bound in (created.gte, created.gt) if bound is not None]
    upper = [bound for bound in (created.lte, created.lt) if bound is not None]
    end = min(upper) if upper else now
    if lower:
        return narrowed, TimeSpan(max(lower), end if upper else max(end, *lower))
    start = end - min(DEFAULT_SPAN, end - _EARLIEST)
    return replace(narrowed, created=replace(created, gte=start)), TimeSpan(start, end)


def _spread(name: str, value: str, condition: str) -> str:
    """Columns that tell how `value` is spread over the rows that fulfil `condition`."""
    kept = f"FILTER (WHERE {condition})"
    return (
        f"min({value}) {kept} AS {name}_min, avg({value}) {kept} AS {name}_avg, "
        f"max({value}) {kept} AS {name}_max, percentile_cont(ARRAY[0.5, 0.95, 0.99]) "
        f"WITHIN GROUP (ORDER BY {value}) {kept} AS {name}_percentiles"
    )


def _seconds(start: str, end: str) -> str:
    return f"date_part('epoch', c.{end} - c.{start})"


def _counts(statuses: type[ExecutionStatus] | type[StepStatus]) -> str:
    return ", ".join(
        f"count(*) FILTER (WHERE c.status = '{status}') AS {status.lower()}" for status in statuses
    )


_COMPLETED = "c.status = 'COMPLETED'"
_RUN = _seconds("started_at", "completed_at")
_EXECUTIONS = ", ".join(
    [
        "count(*) AS count",
        _counts(ExecutionStatus),
        _spread("duration", _RUN, _COMPLETED),
        _spread("wait", _seconds("created_at", "started_at"), "c.started_at IS NOT NULL"),
    ]
)
_RETRIES = "count(*) AS retries"
_RETRIED = "JOIN steps s ON s.execution_id = c.id AND s.attempt > 1"


# Sorting executions by a number is several times quicker than by a name, and leaves no reason to read them
# in the order of an index on names: over all workflows, names are put in the place of their ranks at last.
_RANKED = (
    "JOIN (SELECT id, environment, dense_rank() OVER (ORDER BY name) AS name_rank, "
    "row_number() OVER (ORDER BY name, version) AS place FROM workflows) w ON w.id = c.workflow_id"
)
_BY_RANK = {
    "name": ("(ARRAY(SELECT DISTINCT name FROM workflows ORDER BY name))[w.name_rank]", "w.name_rank"),
    "version": ("(ARRAY(SELECT version FROM workflows ORDER BY name, version))[w.place]", "w.place"),
    "workflow_id": ("(ARRAY(SELECT id FROM workflows ORDER BY name, version))[w.place]", "w.place"),
}


async def fetch_execution_stats(
    connection: asyncpg.Connection,
    grouping: Grouping,
    narrowed: ExecutionFilter,
    workflows: Sequence[UUID | None],
) -> list[list[Row]]:
    """The groups of each workflow's executions, None for those of all, with their numbers.

    Without anything to group by there is one group, which may be of no executions. Raises `TooComplex` for
    more groups than anybody reads.
    """
    return await _grouped(connection, grouping, narrowed, workflows, _EXECUTIONS)


async def fetch_retries(
    connection: asyncpg.Connection,
    grouping: Grouping,
    narrowed: ExecutionFilter,
    workflows: Sequence[UUID | None],
) -> list[dict[tuple[Any, ...], int]]:
    """How many attempts at steps were retries, by the values of the groups' keys; none where missing.

    Apart from the other numbers, for it reads the steps.
    """
    found = await _grouped(connection, grouping, narrowed, workflows, _RETRIES, _RETRIED)
    names = grouping.names
    return [{tuple(row[name] for name in names): row["retries"] for row in groups} for groups in found]


async def _grouped(
    connection: asyncpg.Connection,
    grouping: Grouping,
    narrowed: ExecutionFilter,
    workflows: Sequence[UUID | None],
    numbers: str,
    joined: str = "",
) -> list[list[Row]]:
    """One statement for all who ask for the groups of all workflows, and one for those of single ones."""
    single = [workflow for workflow in workflows if workflow is not None]
    overall: list[Row] = []
    each: list[list[Row]] = []
    if None in workflows:
        select, parameters = _select(grouping, narrowed, numbers, joined, of_one=False)
        overall = await connection.fetch(select, *parameters.values)
    if single:
        select, parameters = _select(grouping, narrowed, numbers, joined, of_one=True)
        keys = [(workflow,) for workflow in single]
        each = await fetch_many(connection, {"workflow_id": "uuid"}, keys, select, parameters)
    if any(len(groups) > MOST_GROUPS for groups in (overall, *each)):
        raise TooComplex(
            f"These are more than {MOST_GROUPS} groups: narrow the filter, or group by less or longer times."
        )
    found = iter(each)
    return [overall if workflow is None else next(found) for workflow in workflows]


def _select(
    grouping: Grouping, narrowed: ExecutionFilter, numbers: str, joined: str, *, of_one: bool
) -> tuple[str, Parameters]:
    """SQL: the groups with their numbers, of one workflow version `p.workflow_id` or of all."""
    parameters = Parameters()
    keys = grouping.keys(parameters)
    conditions = list(narrowed.predicates(parameters))
    if joined:
        conditions += keyed_between("s.execution_id", narrowed.created, parameters)
    if of_one:
        columns = {name: (sql, sql) for name, sql in keys.items()}
        named = "JOIN workflows w ON w.id = c.workflow_id"
        conditions.append("c.workflow_id = p.workflow_id")
    else:
        columns = {name: _BY_RANK.get(name, (sql, sql)) for name, sql in keys.items()}
        named = _RANKED
    if any(grouped.startswith("w.") for _, grouped in columns.values()):
        joined = f"{named} {joined}"
    if "tag" in keys:
        # A tag that is there twice is one tag.
        joined = f"CROSS JOIN LATERAL (SELECT DISTINCT unnest(c.tags)) AS t(tag) {joined}"
    shown = "".join(f"{sql} AS {name}, " for name, (sql, _) in columns.items())
    places = ", ".join(dict.fromkeys(grouped for _, grouped in columns.values()))
    grouped = f"GROUP BY {places} ORDER BY {places}" if keys else ""
    select = (
        f"SELECT {shown}{numbers} FROM executions c {joined} "
        f"WHERE {' AND '.join(conditions) or 'true'} {grouped} LIMIT {MOST_GROUPS + 1}"
    )
    return select, parameters


_STEPS = ", ".join(
    [
        "count(DISTINCT c.execution_id) AS executions",
        "count(*) AS attempts",
        "count(*) FILTER (WHERE c.attempt > 1) AS retries",
        _counts(StepStatus),
        _spread("duration", _RUN, _COMPLETED),
        f"sum({_RUN}) AS busy",
    ]
)
_GOOD, _BAD = (
    " + ".join(f"g.{status.lower()}" for status in StepStatus if status.ending is ending)
    for ending in (Ending.WELL, Ending.BADLY)
)
# What is put first; where it is alike or unknown, the names decide.
_ORDERS = {
    "SLOWEST": "g.duration_percentiles[2]",
    "FLAKIEST": f"({_BAD})::float8 / nullif({_BAD} + {_GOOD}, 0)",
    "MOST_RETRIED": "g.retries",
    "MOST_TIME": "g.busy",
    "MOST_ATTEMPTS": "g.attempts",
}


async def fetch_step_stats(
    connection: asyncpg.Connection, narrowed: ExecutionFilter, steps: StepFilter, order: str, most: int
) -> list[Row]:
    """The steps of executions by workflow and key with their numbers, at most `most` of them."""
    parameters = Parameters()
    chosen = " AND ".join(narrowed.predicates(parameters))
    conditions = [
        *steps.predicates(parameters),
        *keyed_between("c.execution_id", narrowed.created, parameters),
    ]
    rows: list[Row] = await connection.fetch(
        f"SELECT g.* FROM (SELECT e.name, c.key, {_STEPS} FROM (SELECT c.id, w.name FROM executions c "
        f"JOIN workflows w ON w.id = c.workflow_id WHERE {chosen}) e JOIN steps c ON c.execution_id = e.id "
        f"WHERE {' AND '.join(conditions)} GROUP BY e.name, c.key) g "
        f"ORDER BY {_ORDERS[order]} DESC NULLS LAST, g.name, g.key LIMIT {int(most)}",
        *parameters.values,
    )
    return rows
