"""Why an execution is stalled: what is known about many of them, in one statement, and what it means.

Only the database's clock counts: every age is taken when the statement runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from db.enums import TERMINAL_EXECUTION, StepStatus, StuckCode
from db.queries.batch import EXECUTION, fetch_many
from db.recovery_plan import done_at, to_run_again
from db.topology import is_distributed

# What "usual" means: a step's completed attempts in the newest executions of the workflow version.
NEWEST_EXECUTIONS = 200
FEWEST_SAMPLES = 5
# An engine beats every third of its lease's time; after two thirds it has missed one.
PATIENCE = 2 / 3
# An execution without a lease has no other sign of life than its history.
SILENCE = timedelta(minutes=5)

_FACTS = """
WITH asked AS MATERIALIZED (
    SELECT e.id, e.workflow_id, e.status, e.lease_holder, e.lease_epoch, e.lease_expires_at,
           e.heartbeat_at, e.event_seq, e.log_seq, e.created_at
    FROM executions e WHERE e.id = ANY($1::uuid[])
), under_way AS MATERIALIZED (
    SELECT a.id, a.workflow_id, s.seq, s.key, s.attempt, s.status,
           date_part('epoch', statement_timestamp() - s.started_at) AS running_for
    FROM asked a JOIN steps s ON s.execution_id = a.id AND s.status IN ('RUNNING', 'RETRYING')
), usual AS MATERIALIZED (
    {usual}
)
SELECT a.*, statement_timestamp() AS now, v.at AS last_event_at, (
    SELECT coalesce(json_agg(json_build_object('seq', r.seq, 'key', r.key, 'attempt', r.attempt,
               'status', r.status, 'running_for', r.running_for, 'samples', u.samples, 'p95', u.p95)
               ORDER BY r.seq), '[]')
    FROM under_way r JOIN usual u ON u.workflow_id = r.workflow_id AND u.key = r.key
    WHERE r.id = a.id
)::text AS steps
FROM asked a LEFT JOIN events v ON v.execution_id = a.id AND v.seq = a.event_seq
"""
# Of a workflow version and a key `p`.
_USUAL = f"""
SELECT count(*) AS samples, percentile_cont(0.95) WITHIN GROUP (
           ORDER BY date_part('epoch', s.completed_at - s.started_at)) AS p95
FROM (SELECT x.id FROM executions x WHERE x.workflow_id = p.workflow_id
      ORDER BY x.id DESC LIMIT {NEWEST_EXECUTIONS}) x
JOIN steps s ON s.execution_id = x.id AND s.key = p.key AND s.status = 'COMPLETED'
"""
_FACTS_AT_ONCE = _FACTS.format(
    usual="SELECT p.workflow_id, p.key, u.samples, u.p95 "
    f"FROM (SELECT DISTINCT workflow_id, key FROM under_way) p CROSS JOIN LATERAL ({_USUAL}) u"
)
# On many nodes what is usual is asked for by itself.
_FACTS_OF_NODES = """
SELECT e.id, e.workflow_id, e.status, e.lease_holder, e.lease_epoch, e.lease_expires_at,
       e.heartbeat_at, e.event_seq, e.log_seq, e.created_at, statement_timestamp() AS now,
       v.at AS last_event_at
FROM executions e LEFT JOIN events v ON v.execution_id = e.id AND v.seq = e.event_seq
WHERE e.id = ANY($1::uuid[])
"""
_UNDER_WAY = """
SELECT s.execution_id, s.seq, s.key, s.attempt, s.status,
       date_part('epoch', statement_timestamp() - s.started_at) AS running_for
FROM steps s WHERE s.execution_id = ANY($1::uuid[]) AND s.status IN ('RUNNING', 'RETRYING') ORDER BY s.seq
"""
_WORKFLOW_KEY = {"workflow_id": "uuid", "key": "text"}

_ATTEMPTS = """
SELECT b.seq AS checkpoint, b.event_seq AS base_event_seq, b.step_seq AS base_step_seq,
       s.seq, s.key, s.status, s.event_seq
FROM states h
LEFT JOIN checkpoints b ON b.execution_id = h.execution_id AND b.seq = h.checkpoint_seq
LEFT JOIN steps s ON s.execution_id = h.execution_id
WHERE h.execution_id = p.execution_id
ORDER BY s.seq
"""


@dataclass(frozen=True, slots=True)
class StepUnderWay:
    """An attempt that runs or waits for the next one, beside what is usual for its step."""

    seq: int
    key: str
    attempt: int
    status: str
    running_for: timedelta | None
    samples: int
    p95: timedelta | None

    @property
    def slow(self) -> bool:
        """Whether it runs longer than 95 in 100 did; never where too few are known."""
        return (
            self.status == StepStatus.RUNNING
            and self.samples >= FEWEST_SAMPLES
            and self.running_for is not None
            and self.p95 is not None
            and self.running_for > self.p95
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one execution at a moment."""

    now: datetime
    status: str
    created_at: datetime
    lease_holder: str | None
    lease_epoch: int
    lease_expires_at: datetime | None
    heartbeat_at: datetime | None
    event_seq: int
    log_seq: int
    last_event_at: datetime | None
    steps: list[StepUnderWay] = field(default_factory=list)

    @property
    def heartbeat_age(self) -> timedelta | None:
        """How long ago the lease was last taken or extended."""
        return None if self.heartbeat_at is None else self.now - self.heartbeat_at

    @property
    def lease_left(self) -> timedelta | None:
        """How long the lease still lasts; negative where it is over."""
        return None if self.lease_expires_at is None else self.lease_expires_at - self.now


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why an execution is stalled."""

    code: StuckCode
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a recovery would do: the seqs of its checkpoint, and of the attempts."""

    checkpoint: int | None
    kept: list[int]
    rerun: list[int]


class _Attempt(NamedTuple):
    seq: int
    key: str
    status: str
    event_seq: int


class _Base(NamedTuple):
    event_seq: int
    step_seq: int


async def fetch_facts(connection: asyncpg.Connection, executions: Sequence[UUID]) -> list[Facts | None]:
    """What is known of each execution, all at one moment; None for one that is gone."""
    if is_distributed(connection):
        found = await _fetch_facts_of_nodes(connection, executions)
    else:
        rows = await connection.fetch(_FACTS_AT_ONCE, executions)
        found = {row["id"]: _facts(row, orjson.loads(row["steps"])) for row in rows}
    return [found.get(execution) for execution in executions]


async def _fetch_facts_of_nodes(
    connection: asyncpg.Connection, executions: Sequence[UUID]
) -> dict[UUID, Facts]:
    rows = {row["id"]: row for row in await connection.fetch(_FACTS_OF_NODES, executions)}
    steps = [row for row in await connection.fetch(_UNDER_WAY, executions) if row["execution_id"] in rows]
    keys = [(rows[step["execution_id"]]["workflow_id"], step["key"]) for step in steps]
    usual = [row for (row,) in await fetch_many(connection, _WORKFLOW_KEY, keys, _USUAL)] if keys else []
    under_way: dict[UUID, list[dict[str, Any]]] = {key: [] for key in rows}
    for step, numbers in zip(steps, usual, strict=True):
        own = {**step, "samples": numbers["samples"], "p95": numbers["p95"]}
        under_way[own.pop("execution_id")].append(own)
    return {key: _facts(row, under_way[key]) for key, row in rows.items()}


def _facts(row: asyncpg.Record, steps: list[dict[str, Any]]) -> Facts:
    names = [name for name in Facts.__dataclass_fields__ if name != "steps"]
    return Facts(**{name: row[name] for name in names}, steps=[_step(one) for one in steps])


async def fetch_plans(connection: asyncpg.Connection, executions: Sequence[UUID]) -> list[Plan]:
    """What recovering each execution would do now, without another checkpoint named."""
    keys = [(execution,) for execution in executions]
    return [_plan(rows) for rows in await fetch_many(connection, EXECUTION, keys, _ATTEMPTS)]


def _step(one: dict[str, Any]) -> StepUnderWay:
    return StepUnderWay(**{**one, "running_for": _length(one["running_for"]), "p95": _length(one["p95"])})


def _length(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _plan(rows: list[asyncpg.Record]) -> Plan:
    if not rows:  # it has gone meanwhile
        return Plan(None, [], [])
    base = _Base(rows[0]["base_event_seq"] or 0, rows[0]["base_step_seq"] or 0)
    attempts = [
        _Attempt(row["seq"], row["key"], row["status"], row["event_seq"])
        for row in rows
        if row["seq"] is not None
    ]
    done = done_at(attempts, base)
    rerun = to_run_again(attempts, done)
    return Plan(rows[0]["checkpoint"], [step.seq for step in done.values()], [step.seq for step in rerun])


def reasons(facts: Facts) -> list[Reason]:
    """Why the execution is stalled, the gravest reason first; that it is not, where nothing is found."""
    found = list(_of_execution(facts))
    if facts.status == "RUNNING":
        found += _of_steps(facts)
    return found or [Reason(StuckCode.NOT_STUCK, _well(facts))]


def _of_execution(facts: Facts) -> Iterator[Reason]:
    if facts.status == "PENDING":
        if facts.lease_left is None or facts.lease_left <= timedelta(0):
            waited = spoken(facts.now - facts.created_at)
            yield Reason(
                StuckCode.PENDING_UNCLAIMED,
                f"It waits to be claimed, for {waited} now: no engine that takes its workflow has asked.",
            )
    elif facts.status == "PAUSED":
        yield Reason(StuckCode.PAUSED, "It was paused, and waits for a transition to RUNNING.")
    elif facts.status == "RUNNING":
        yield from _of_lease(facts)


def _of_lease(facts: Facts) -> Iterator[Reason]:
    if facts.lease_left is not None and facts.lease_left <= timedelta(0):
        yield Reason(
            StuckCode.LEASE_EXPIRED,
            f"The lease of {facts.lease_holder!r} ended {spoken(-facts.lease_left)} ago: its engine is gone. "
            "The next claim takes it; `recoverExecution` goes back to the last checkpoint first.",
        )
    elif facts.lease_left is not None:
        age = facts.heartbeat_age
        if age is not None and age > (age + facts.lease_left) * PATIENCE:
            yield Reason(
                StuckCode.NO_HEARTBEAT,
                f"{facts.lease_holder!r} was last heard of {spoken(age)} ago; "
                f"its lease lasts for another {spoken(facts.lease_left)}.",
            )
    elif facts.lease_epoch > 0:
        yield Reason(StuckCode.LEASE_RELEASED, "Nobody holds its lease any more; the next claim takes it.")
    else:
        silent = facts.now - (facts.last_event_at or facts.created_at)
        if silent > SILENCE:
            yield Reason(
                StuckCode.NO_HEARTBEAT,
                f"It runs without a lease, and nothing was recorded for {spoken(silent)}: "
                "whether its engine lives can't be told.",
            )


def _of_steps(facts: Facts) -> Iterator[Reason]:
    for step in facts.steps:
        if step.slow and step.running_for is not None and step.p95 is not None:
            yield Reason(
                StuckCode.STEP_SLOW,
                f"Step {step.key!r} (attempt {step.attempt}) runs for {spoken(step.running_for)}; "
                f"95 in 100 were done after {spoken(step.p95)}.",
            )
        elif step.status == StepStatus.RETRYING:
            yield Reason(
                StuckCode.STEP_RETRYING,
                f"Step {step.key!r} failed at attempt {step.attempt} and waits for the next one.",
            )


def _well(facts: Facts) -> str:
    if facts.status in TERMINAL_EXECUTION:
        return f"It is over: {facts.status}."
    if facts.lease_left is None:
        return "It runs, and something was recorded of late."
    return f"{facts.lease_holder!r} has it, and its lease lasts for another {spoken(facts.lease_left)}."


def spoken(length: timedelta) -> str:
    """A length of time as people say it, to two units: `3 min 20 s`."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    whole = int(seconds)
    first = next(at for at, (_, size) in enumerate(units) if whole >= size)
    parts = [(whole // units[first][1], units[first][0])]
    if first + 1 < len(units):
        rest = whole % units[first][1]
        parts.append((rest // units[first + 1][1], units[first + 1][0]))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
