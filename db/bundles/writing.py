"""Takes a bundle into a database, an execution a transaction: all of it is there then, or nothing.

Repeatable: an execution that is there already is left alone. Memory is that of a batch of rows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from db.bundles import format
from db.bundles.format import BY_KIND, EXECUTION, WORKFLOW
from db.bundles.parsing import Record
from db.bundles.rows import insert
from db.engine import Database
from db.enums import LIVE_EXECUTION, PartitionSpan, Subject
from db.errors import AlreadyExists, InvalidInput
from db.ids import uuid7_time
from db.jsonb import same_json
from db.partitions import Range, cover, span_around
from db.writes.imports import note_import
from db.writes.links import note_making

_MOST_ROWS = 1_000
_MOST_BYTES = 1024 * 1024
_PRESENT = "SELECT event_seq, parent_id, forked_from_execution_id FROM executions WHERE id = $1"
_SAME_WORKFLOW = """
SELECT id, name, version, definition::text AS definition FROM workflows
WHERE (name, version) = ($1, $2) OR id = $3 ORDER BY (name, version) = ($1, $2) DESC LIMIT 1
"""
# What a link leads to stays until the link is there.
_HOLD = "SELECT id FROM executions WHERE id = $1 FOR SHARE"
_CHECKPOINT = "SELECT seq FROM checkpoints WHERE execution_id = $1 AND seq = $2"
_LINK_PARENT = "UPDATE executions SET parent_id = $2 WHERE id = $1 AND parent_id IS NULL RETURNING id"
_LINK_FORK = """
UPDATE executions SET forked_from_execution_id = $2, forked_from_seq = $3
WHERE id = $1 AND forked_from_execution_id IS NULL RETURNING id
"""
_UNFOLLOWED = """
SELECT c.seq, c.parent_seq FROM checkpoints c WHERE c.execution_id = $1 AND c.parent_seq IS NOT NULL
AND NOT EXISTS (SELECT FROM checkpoints p WHERE p.execution_id = c.execution_id AND p.seq = c.parent_seq)
LIMIT 1
"""
_GREATEST = 2**63


@dataclass(frozen=True, slots=True)
class Link:
    """What an execution was started by, or, with the number of a checkpoint, forked from."""

    execution: UUID
    to: UUID
    checkpoint: int | None = None

    @property
    def column(self) -> str:
        """Where it stands."""
        return "parent_id" if self.checkpoint is None else "forked_from_execution_id"


@dataclass(slots=True)
class Import:
    """Takes bundles in; says what came of them so far.

    `advance` is called now and then. `open` are those of the imported that had not ended. `behind` has the
    lines of executions that are there as of an earlier moment than in the bundle, with what is to be said;
    `links` those that lead to what was not there.
    """

    database: Database
    actor: str
    span: PartitionSpan = PartitionSpan.MONTH
    advance: Callable[[], object] = lambda: None
    imported: int = 0
    open: int = 0
    already_there: int = 0
    rows: int = 0
    behind: list[InvalidInput] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    _workflows: dict[UUID, UUID] = field(default_factory=dict)
    _covered: set[Range] = field(default_factory=set)

    async def take(self, records: Iterable[Record]) -> None:
        """Take a bundle in; what `records` raises ends it, with the executions before in place.

        Raises `InvalidInput` with the line's number for what can't be stored, and `AlreadyExists` for a
        workflow version that is there with another definition.
        """
        lines = iter(records)
        for record in lines:
            if record.kind == WORKFLOW.kind:
                self._workflows[record.key("id")] = await self._ensure_workflow(record)
            else:
                await self._execution(record, lines)
            self.advance()

    async def link(self) -> None:
        """Make the links whose ends are there by now; `links` keeps the others."""
        left = []
        for link in self.links:
            async with self.database.maintaining() as connection:
                if not await _link(connection, link):
                    left.append(link)
        self.links = left

    async def _ensure_workflow(self, record: Record) -> UUID:
        key, name, version = record.key("id"), *(str(record.fields.get(name)) for name in ("name", "version"))
        async with self.database.maintaining() as connection:
            if await insert(connection, WORKFLOW, key, [record]):
                changes = {"name": {"after": name}, "version": {"after": version}}
                await note_import(connection, self.actor, Subject.WORKFLOW, key, changes)
                return key
            there = await connection.fetchrow(_SAME_WORKFLOW, name, version, key)
        assert there is not None  # what was in the way of the insertion
        if (there["name"], there["version"]) != (name, version):
            raise AlreadyExists(
                f"Line {record.number}: wf_{key.hex} is workflow {there['name']!r} in version "
                f"{there['version']!r} here, and {name!r} in version {version!r} in the bundle."
            )
        if not same_json(there["definition"], record.fields["definition"]):
            raise AlreadyExists(
                f"Line {record.number}: version {version!r} of workflow {name!r} is here with another "
                f"definition (wf_{there['id'].hex}), and a version has one. Take the bundle in where that "
                "version is not, or delete it here first."
            )
        present: UUID = there["id"]
        return present

    async def _execution(self, head: Record, lines: Iterator[Record]) -> None:
        key = head.key("id")
        await self._cover(head, key)
        wanted = [*_links(head, key)]
        async with self.database.maintaining() as connection:
            if created := await self._insert_head(connection, head, key):
                self.rows += await _insert_parts(connection, key, lines, self.advance)
                await _require_checkpoints(connection, head, key)
                for link in wanted:
                    await _link(connection, link)
                changes = {"status": {"after": head.fields.get("status")}}
                await note_import(connection, self.actor, Subject.EXECUTION, key, changes)
        if created:
            self.imported += 1
            self.open += head.fields.get("status") in LIVE_EXECUTION
        else:
            self.already_there += 1
            next(record for record in lines if record.kind == format.EXECUTION_END)
        if wanted or not created:
            await self._look(head, key, wanted)

    async def _insert_head(self, connection: asyncpg.Connection, head: Record, key: UUID) -> bool:
        workflow = str(self._workflows[head.key("workflow_id")])
        text = orjson.dumps({**head.fields, "workflow_id": workflow}).decode()
        return bool(await insert(connection, EXECUTION, key, [Record(head.number, head.kind, {}, text)]))

    async def _look(self, head: Record, key: UUID, wanted: list[Link]) -> None:
        """How the execution is there: as far as in the bundle, and with which links."""
        async with self.database.reading() as connection:
            present = await connection.fetchrow(_PRESENT, key)
        if present is None:
            return  # it was deleted meanwhile
        last, there_last = head.fields.get("event_seq"), present["event_seq"]
        if isinstance(last, int) and there_last < last:
            self.behind.append(
                head.wrong(
                    f"exec_{key.hex} is here as of event {there_last}, and in the bundle as of event {last}. "
                    "It was left alone; delete it here first to take in the later."
                )
            )
        self.links += [link for link in wanted if present[link.column] is None]

    async def _cover(self, head: Record, key: UUID) -> None:
        try:
            at: datetime = uuid7_time(key)
        except OverflowError:
            raise head.wrong("its `id` is of a time that no calendar has.") from None
        over = span_around(at, self.span)
        if over not in self._covered:
            await cover(self.database, [at], self.span)
            self._covered.add(over)


def _links(head: Record, key: UUID) -> Iterator[Link]:
    if head.fields.get("parent_id") is not None:
        yield Link(key, head.key("parent_id"))
    if head.fields.get("forked_from_execution_id") is not None:
        checkpoint = head.fields.get("forked_from_seq")
        if not isinstance(checkpoint, int) or not 0 < checkpoint < _GREATEST:
            raise head.wrong("its `forked_from_seq` is no number.")
        yield Link(key, head.key("forked_from_execution_id"), checkpoint)


async def _link(connection: asyncpg.Connection, link: Link) -> bool:
    """Within a transaction: make a link if what it leads to is there; returns whether it was made."""
    if await connection.fetchval(_HOLD, link.to) is None:
        return False
    await note_making(connection)
    if link.checkpoint is None:
        return await connection.fetchval(_LINK_PARENT, link.execution, link.to) is not None
    if await connection.fetchval(_CHECKPOINT, link.to, link.checkpoint) is None:
        return False
    return await connection.fetchval(_LINK_FORK, link.execution, link.to, link.checkpoint) is not None


async def _require_checkpoints(connection: asyncpg.Connection, head: Record, key: UUID) -> None:
    """Refuse an execution of which a checkpoint follows one that was not in the bundle."""
    row = await connection.fetchrow(_UNFOLLOWED, key)
    if row is not None:
        seq, parent = row
        raise head.wrong(f"its checkpoint {seq} follows checkpoint {parent}, which is not in the bundle.")


async def _insert_parts(
    connection: asyncpg.Connection, key: UUID, lines: Iterator[Record], advance: Callable[[], object]
) -> int:
    """Insert the rows of an execution up to its end; returns how many."""
    batch: list[Record] = []
    size = rows = 0
    for record in lines:
        if batch and (record.kind != batch[0].kind or len(batch) == _MOST_ROWS or size >= _MOST_BYTES):
            await insert(connection, BY_KIND[batch[0].kind], key, batch)
            rows += len(batch)
            batch, size = [], 0
            advance()
        if record.kind == format.EXECUTION_END:
            break
        batch.append(record)
        size += len(record.text)
    return rows
