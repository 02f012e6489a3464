"""New executions, made in batches as other writes are: read their workflows, decide, write them.

Their workflows are locked in share, which holds back a deletion or a change of status until the executions
are there. Those that are remembered (`runnable.py`) are not read: the one statement that writes makes sure
that they are the same, and commits by itself. An idempotency key is found before it is written; who writes
the same at the same time loses the race, is made again alone, and then finds it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from db.engine import Database
from db.enums import EventType, ExecutionStatus, StateOp, WorkflowStatus
from db.errors import AlreadyExists, Contended, FlowkeepError, InvalidInput, NotFound
from db.ids import uuid7_time
from db.jsonb import exact_text
from db.topology import is_distributed
from db.writes.answers import Answer, Outcome, committing
from db.writes.draft import json_text
from db.writes.links import note_making
from db.writes.priorities import RANKS
from db.writes.rows import Row, Rows
from db.writes.runnable import Runnable, WorkflowRef, Workflows, held
from db.writes.seen import Earlier
from db.writes.write import Replay, Write, replayed

_RUNNABLE = (WorkflowStatus.ACTIVE, WorkflowStatus.DRAFT, WorkflowStatus.DEPRECATED)
_JSON = ("input", "attributes", "tags")

# What somebody else holds is there and has no status: its creations are made alone.
_LOOK = """
SELECT w.id AS workflow_id, l.row_version, l.status, l.priority, k.fingerprint, k.outcome,
       clock_timestamp() AS now
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
     WITH ORDINALITY AS a(workflow_id, name, version, key, ord)
LEFT JOIN LATERAL (
    SELECT coalesce(
        (SELECT w.id FROM workflows w WHERE w.id = a.workflow_id),
        (SELECT w.id FROM workflows w WHERE w.name = a.name AND (a.version IS NULL OR w.version = a.version)
         ORDER BY w.id DESC LIMIT 1)) AS id
) w ON true
LEFT JOIN LATERAL (
    SELECT {row_version} AS row_version, w2.status, w2.priority
    FROM workflows w2 WHERE w2.id = w.id FOR SHARE{skip}
) l ON true
LEFT JOIN idempotency_keys k ON k.key = a.key
ORDER BY a.ord
"""
# Parents are locked against moves, for one that is being cancelled would not see this child. On many nodes
# each is asked for by itself, where it is.
_PARENTS = """
SELECT p.id, m.status FROM {asked}
JOIN LATERAL (SELECT e.id FROM executions e WHERE e.id = a.id) p ON true
LEFT JOIN LATERAL (SELECT e.status FROM executions e WHERE e.id = a.id FOR SHARE{skip}) m ON true
"""
_MANY, _ONE = "unnest($1::uuid[]) AS a(id)", "(SELECT $1::uuid AS id) AS a"


@dataclass(frozen=True, slots=True, eq=False)
class Creation:
    """An execution to be, under the key that it will have, with its own `columns` and first `variables`."""

    execution_id: UUID
    write: Write
    workflow: WorkflowRef
    columns: Mapping[str, Any]
    variables: Mapping[str, Any]
    exclusive: bool = False

    @property
    def size(self) -> int:
        """About how many bytes it brings along."""
        return self.write.size

    @property
    def parent(self) -> UUID | None:
        """By which it is started."""
        return self.columns.get("parent_id")


class _Found(NamedTuple):
    """The workflow of a creation, which somebody else may hold, and an earlier one with the same key."""

    workflow: Runnable | None
    earlier: Earlier | None = None
    is_held: bool = False


@dataclass(slots=True)
class Creations:
    """Executions that are created together; `workflows` is what creations recall."""

    requests: Sequence[Creation]
    workflows: Workflows = field(default_factory=Workflows)
    committing: bool = False

    async def make(self, database: Database, *, skip_locked: bool) -> list[Answer]:
        """Create them; what it returns and raises is as with other batches."""
        self.committing = False
        try:
            if skip_locked and database.autocommits:
                answers = await self._make_as_recalled(database)
                if answers is not None:
                    return answers
            async with database.batching() as driver:
                seen = await _look(driver, self.requests, skip_locked=skip_locked)
                parents = await _look_for_parents(driver, self.requests, skip_locked=skip_locked)
                decided = _Decided(skip_locked, parents)
                pairs = zip(self.requests, seen, strict=True)
                answers = [decided.answer(request, found) for request, found in pairs]
                await decided.rows.write(driver)
                self.committing = True
        except AlreadyExists as error:
            raise Contended("The same idempotency key was used at the same time; try again.") from error
        for request, found in zip(self.requests, seen, strict=True):
            if found.workflow is not None:
                self.workflows.keep(request.workflow, found.workflow)
        return answers

    async def _make_as_recalled(self, database: Database) -> list[Answer] | None:
        """The same in one statement, where all workflows are known and still as they were seen.

        None where that can't be, and where memory alone would refuse.
        """
        refs = {request.workflow for request in self.requests}
        known = {ref: seen for ref in refs if (seen := self.workflows.recall(ref)) is not None}
        if len(known) < len(refs) or any(request.parent is not None for request in self.requests):
            return None
        decided = _Decided(False, {})
        answers = [decided.answer(request, _Found(known[request.workflow])) for request in self.requests]
        if not all(isinstance(answer, dict) for answer in answers):
            return None
        keys: defaultdict[WorkflowRef, list[str]] = defaultdict(list)
        for request in self.requests:
            if request.write.key is not None:
                keys[request.workflow].append(request.write.key)
        async with database.autocommitting() as driver:
            with committing(self):
                written = await decided.rows.write_if(driver, held(known, keys))
        if written is None:
            self.workflows.forget(refs)
            return None
        return answers


async def _look(
    driver: asyncpg.Connection, requests: Sequence[Creation], *, skip_locked: bool
) -> list[_Found]:
    row_version = 0 if is_distributed(driver) else "w2.xmin"
    rows = await driver.fetch(
        _LOOK.format(row_version=row_version, skip=" SKIP LOCKED" if skip_locked else ""),
        [request.workflow.key for request in requests],
        [request.workflow.name for request in requests],
        [request.workflow.version for request in requests],
        [request.write.key for request in requests],
    )
    return [
        _Found(
            None
            if row["status"] is None
            else Runnable(row["workflow_id"], row["row_version"], row["status"], row["priority"], row["now"]),
            None if row["fingerprint"] is None else Earlier(row["fingerprint"], orjson.loads(row["outcome"])),
            is_held=row["workflow_id"] is not None and row["status"] is None,
        )
        for row in rows
    ]


async def _look_for_parents(
    driver: asyncpg.Connection, requests: Sequence[Creation], *, skip_locked: bool
) -> dict[UUID, str | None]:
    """The statuses of the parents that are there, None of one that somebody else holds."""
    keys = sorted({parent for request in requests if (parent := request.parent) is not None})
    if not keys:
        return {}
    skip = " SKIP LOCKED" if skip_locked else ""
    if is_distributed(driver):
        statement = _PARENTS.format(asked=_ONE, skip=skip)
        rows = [row for key in keys for row in await driver.fetch(statement, key)]
        await note_making(driver)
    else:
        rows = await driver.fetch(_PARENTS.format(asked=_MANY, skip=skip), keys)
    return {row["id"]: row["status"] for row in rows}


class _Decided:
    """What the batch has come to so far."""

    def __init__(self, skip_locked: bool, parents: Mapping[UUID, str | None]) -> None:
        self.rows = Rows()
        self._parents = parents
        self._skip_locked = skip_locked
        self._made: dict[str, tuple[bytes, Outcome]] = {}

    def answer(self, request: Creation, found: _Found) -> Answer:
        """Decide one; None where somebody else holds its workflow."""
        try:
            self._find_earlier(request.write, found.earlier)
            if self._skip_locked and (found.is_held or self._is_parent_held(request)):
                return None
            outcome = self._create(request, found.workflow)
        except Replay as replay:
            return replay.outcome
        except FlowkeepError as refusal:
            return refusal
        key = request.write.key
        if key is not None:
            self._made[key] = request.write.fingerprint, outcome
            row = {"key": key, "fingerprint": request.write.fingerprint, "outcome": json_text(outcome)}
            self.rows.add("idempotency_keys", row)
        return outcome

    def _is_parent_held(self, request: Creation) -> bool:
        return request.parent is not None and self._parents.get(request.parent, "") is None

    def _find_earlier(self, write: Write, earlier: Earlier | None) -> None:
        if write.key in self._made:
            raise replayed(write, *self._made[write.key])
        if earlier is not None:
            raise replayed(write, earlier.fingerprint, earlier.outcome)

    def _create(self, request: Creation, seen: Runnable | None) -> Outcome:
        key, write, parent = request.execution_id, request.write, request.parent
        if seen is None:
            raise NotFound("workflow", request.workflow.shown)
        if seen.status not in _RUNNABLE:
            raise InvalidInput(
                f"Workflow {request.workflow.shown} is {seen.status}: "
                f"only {', '.join(_RUNNABLE)} ones can run."
            )
        if parent is not None and self._parents.get(parent) is None:
            raise NotFound("execution", f"exec_{parent.hex}")
        if parent is not None and self._parents[parent] == ExecutionStatus.CANCELLED:
            raise InvalidInput(f"The parent exec_{parent.hex} is CANCELLED: it gets no more children.")
        columns = {
            name: json_text(value) if name in _JSON and value is not None else value
            for name, value in request.columns.items()
        }
        row: Row = {"id": key, "workflow_id": seen.workflow_id, "status": ExecutionStatus.PENDING}
        row |= {"triggered_by": write.actor, "created_at": uuid7_time(key), "event_seq": 1}
        row["priority"] = RANKS[seen.priority]
        if columns.get("attributes") is not None:
            columns["attributes_exact"] = exact_text(columns["attributes"])
        self.rows.add("new_executions", {**row, **columns})
        self._begin(key, request.variables)
        changes = {
            "status": {"after": ExecutionStatus.PENDING},
            "workflow": {"after": f"wf_{seen.workflow_id.hex}"},
            "variables": {"after": sorted(request.variables)},
        }
        self._note(key, write, seen.now, changes)
        return {"execution": key.hex}

    def _begin(self, key: UUID, variables: Mapping[str, Any]) -> None:
        """The state that it begins with: version 0, or 1 where there is anything."""
        self.rows.add("new_states", {"execution_id": key, "version": 1 if variables else 0})
        for name, value in variables.items():
            row = {"execution_id": key, "field": False, "key": name, "version": 1, "op": StateOp.SET}
            text = json_text(value)
            self.rows.add("state_entries", {**row, "value": text, "value_exact": exact_text(text)})

    def _note(self, key: UUID, write: Write, now: datetime, changes: Mapping[str, Any]) -> None:
        row = {"execution_id": key, "seq": 1, "type": EventType.EXECUTION_CREATED, "actor": write.actor}
        self.rows.add("events", {**row, "at": now, "changes": json_text(changes)})
