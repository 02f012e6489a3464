"""What policies select: the one predicate that previewing, deleting and dropping partitions share."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from db.enums import TERMINAL_EXECUTION
from db.ids import uuid7_floor
from db.partitions import Range
from db.queries.predicates import Parameters, one_of
from db.topology import is_distributed

# An execution is created before it ends, but for the clocks of two machines.
_CLOCKS = timedelta(days=1)

_ENABLED = """
SELECT id, revision, name, workflow_name, statuses, keep_executions, keep_logs, keep_checkpoints, keep_last
FROM retention_policies
WHERE CASE WHEN $1::uuid IS NULL THEN enabled ELSE id = $1 END
ORDER BY id
"""
# The n-th newest of each workflow, over its versions: what is as new as that is spared. A workflow with fewer
# has none, and all of its executions are spared.
_NEWEST = """
WITH newest AS (
    SELECT w.name, e.id, row_number() OVER (PARTITION BY w.name ORDER BY e.id DESC) AS place
    FROM workflows w CROSS JOIN unnest($1::text[]) AS s(status) CROSS JOIN LATERAL (
        SELECT e.id FROM executions e WHERE e.workflow_id = w.id AND e.status = s.status
        ORDER BY e.id DESC LIMIT $2
    ) e
    WHERE $3::text IS NULL OR w.name = $3
)
SELECT w.id AS workflow_id, newest.id AS execution_id
FROM newest JOIN workflows w USING (name) WHERE newest.place = $2
"""
# The same on many nodes, whose executions are brought together to be counted.
_NEWEST_OF_NODES = """
WITH newest AS (
    SELECT w.name, e.id, row_number() OVER (PARTITION BY w.name ORDER BY e.id DESC) AS place
    FROM executions e JOIN workflows w ON w.id = e.workflow_id
    WHERE e.status = ANY($1::text[]) AND ($3::text IS NULL OR w.name = $3)
)
SELECT w.id AS workflow_id, newest.id AS execution_id
FROM newest JOIN workflows w USING (name) WHERE newest.place = $2
"""


class Part(StrEnum):
    """What of an execution goes, each after an age of its own."""

    EXECUTIONS = "keep_executions"
    LOGS = "keep_logs"
    CHECKPOINTS = "keep_checkpoints"


@dataclass(frozen=True, slots=True)
class Policy:
    """What may go: the executions of a workflow (of all) that ended with a status (with any), by their age.

    An age that is None takes nothing. The newest `keep_last` of each workflow among them are spared.
    """

    name: str = "inline"
    workflow_name: str | None = None
    statuses: tuple[str, ...] | None = None
    keep_executions: timedelta | None = None
    keep_logs: timedelta | None = None
    keep_checkpoints: timedelta | None = None
    keep_last: int | None = None
    id: UUID | None = None
    revision: int = 1

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Policy":
        """The policy that a row holds."""
        statuses = row["statuses"]
        return cls(**{**row, "statuses": None if statuses is None else tuple(statuses)})

    def cutoff(self, part: Part, now: datetime) -> datetime | None:
        """What ended before this has the age; None where the policy does not take the part."""
        age: timedelta | None = getattr(self, part.value)
        return None if age is None else now - age

    def snapshot(self) -> dict[str, Any]:
        """What it says, as JSON for a receipt; ages in seconds."""
        ages = {part: getattr(self, part.value) for part in Part}
        return {
            "id": None if self.id is None else self.id.hex,
            "name": self.name,
            "revision": self.revision,
            "workflowName": self.workflow_name,
            "statuses": None if self.statuses is None else list(self.statuses),
            "keepExecutions": _seconds(ages[Part.EXECUTIONS]),
            "keepLogs": _seconds(ages[Part.LOGS]),
            "keepCheckpoints": _seconds(ages[Part.CHECKPOINTS]),
            "keepLast": self.keep_last,
        }

    @classmethod
    def of_snapshot(cls, snapshot: Mapping[str, Any]) -> "Policy":
        """The policy that a receipt holds."""
        statuses, key = snapshot["statuses"], snapshot["id"]
        return cls(
            name=snapshot["name"],
            workflow_name=snapshot["workflowName"],
            statuses=None if statuses is None else tuple(statuses),
            keep_executions=_length(snapshot["keepExecutions"]),
            keep_logs=_length(snapshot["keepLogs"]),
            keep_checkpoints=_length(snapshot["keepCheckpoints"]),
            keep_last=snapshot["keepLast"],
            id=None if key is None else UUID(key),
            revision=snapshot["revision"],
        )


async def fetch_policies(connection: asyncpg.Connection, only: UUID | None = None) -> list[Policy]:
    """The enabled policies; with `only`, that one, enabled or not."""
    return [Policy.of(row) for row in await connection.fetch(_ENABLED, only)]


@dataclass(frozen=True, slots=True)
class Selection:
    """What some policies take at a moment: whatever one of them takes, whatever the others say.

    What has not ended, what is on hold (itself, or its workflow version) and the base of a fork that stays
    are taken by none. `newest` are the least executions that each policy spares, by workflow version; new
    executions meanwhile can only mean that more might go.
    """

    policies: tuple[Policy, ...]
    now: datetime
    newest: tuple[tuple[tuple[UUID, UUID], ...], ...] = field(default=())
    distributed: bool = False

    @classmethod
    async def at(
        cls, connection: asyncpg.Connection, policies: Iterable[Policy], now: datetime
    ) -> "Selection":
        """The selection with what the policies spare as the newest."""
        chosen = tuple(policies)
        newest = tuple([await _newest(connection, policy) for policy in chosen])
        return cls(chosen, now, newest, is_distributed(connection))

    def latest(self, part: Part) -> datetime | None:
        """Nothing that ended at or after this moment has lost the part; None where nothing does."""
        cutoffs = [policy.cutoff(part, self.now) for policy in self.policies]
        return max((cutoff for cutoff in cutoffs if cutoff is not None), default=None)

    def end(self, part: Part) -> UUID | None:
        """Only executions with lesser keys can be due; None where none can."""
        latest = self.latest(part)
        return None if latest is None else uuid7_floor(latest + _CLOCKS)

    def due(
        self,
        part: Part,
        parameters: Parameters,
        apart_from: Range | None = None,
        *,
        gone_with: str | None = None,
        forks_go: bool = False,
    ) -> str:
        """SQL: the part of `e`, a row of executions, may go.

        A fork keeps its base, but not one that goes at the same time: in the range `apart_from`, or among the
        keys `gone_with`, a parameter; and with `forks_go`, not one that looks as if it could go.
        """
        own = self._taken_of("e", part, parameters)
        if part is not Part.EXECUTIONS or own == "false":
            return own
        # On many nodes forks are looked for everywhere, once, rather than beside each execution.
        forks = f"f.forked_from_execution_id {'IS NOT NULL' if self.distributed else '= e.id'}"
        if apart_from is not None:
            bounds = (uuid7_floor(apart_from.start), uuid7_floor(apart_from.end))
            lower, upper = (parameters.add(bound, "uuid") for bound in bounds)
            forks += f" AND NOT (f.id >= {lower} AND f.id < {upper})"
        if gone_with is not None:
            forks += f" AND f.id <> ALL({gone_with})"
        if forks_go:
            forks += f" AND ({self._taken_of('f', part, parameters)}) IS NOT TRUE"
        if self.distributed:
            return (
                f"{own} AND e.id NOT IN (SELECT f.forked_from_execution_id FROM executions f WHERE {forks})"
            )
        return f"{own} AND NOT EXISTS (SELECT FROM executions f WHERE {forks})"

    def _taken_of(self, row: str, part: Part, parameters: Parameters) -> str:
        """SQL: one of the policies takes the part of a row, which has ended and is not on hold."""
        taken = [
            " AND ".join(self._taken(row, policy, newest, part, parameters))
            for policy, newest in zip(self.policies, self.newest, strict=True)
            if policy.cutoff(part, self.now) is not None
        ]
        if not taken:
            return "false"
        held = f"SELECT FROM holds h WHERE h.subject_id IN ({row}.id, {row}.workflow_id)"
        return f"{row}.completed_at IS NOT NULL AND NOT EXISTS ({held}) AND (({') OR ('.join(taken)}))"

    def _taken(
        self,
        row: str,
        policy: Policy,
        newest: tuple[tuple[UUID, UUID], ...],
        part: Part,
        parameters: Parameters,
    ) -> Iterator[str]:
        yield f"{row}.completed_at < {parameters.add(policy.cutoff(part, self.now), 'timestamptz')}"
        yield from one_of(f"{row}.status", policy.statuses, parameters)
        if policy.workflow_name is not None:
            named = parameters.add(policy.workflow_name, "text")
            yield f"{row}.workflow_id IN (SELECT w.id FROM workflows w WHERE w.name = {named})"
        if policy.keep_last is not None:
            workflows = parameters.add([workflow for workflow, _ in newest], "uuid[]")
            least = parameters.add([execution for _, execution in newest], "uuid[]")
            yield (
                f"EXISTS (SELECT FROM unnest({workflows}, {least}) AS n(workflow_id, id) "
                f"WHERE n.workflow_id = {row}.workflow_id AND {row}.id < n.id)"
            )


async def _newest(connection: asyncpg.Connection, policy: Policy) -> tuple[tuple[UUID, UUID], ...]:
    if policy.keep_last is None:
        return ()
    statuses = list(policy.statuses or TERMINAL_EXECUTION)
    statement = _NEWEST_OF_NODES if is_distributed(connection) else _NEWEST
    rows = await connection.fetch(statement, statuses, policy.keep_last, policy.workflow_name)
    return tuple((row["workflow_id"], row["execution_id"]) for row in rows)


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else age.total_seconds()


def _length(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
