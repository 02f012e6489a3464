"""Rows of bundles, from lines into tables: PostgreSQL reads the JSON, so nothing between changes a value."""

from collections.abc import Mapping
from uuid import UUID

import asyncpg

from db.bundles.format import EXECUTION, PARTS, WORKFLOW, Part
from db.bundles.parsing import Record
from db.errors import AlreadyExists, InvalidInput
from db.translation import translate


async def insert(connection: asyncpg.Connection, part: Part, owner: UUID, records: list[Record]) -> int:
    """Insert rows of one kind; returns how many were new.

    Raises `InvalidInput` with the number of the first line that can't be stored.
    """
    array = f"[{','.join(record.text for record in records)}]"
    try:
        async with connection.transaction():
            if part in (WORKFLOW, EXECUTION):
                return len(await connection.fetch(_INSERT[part.kind], owner, array))
            await connection.execute(_INSERT[part.kind], owner, array)
            return len(records)
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        if len(records) == 1:
            raise _refusal(records[0], error) from error
    half = len(records) // 2
    first = await insert(connection, part, owner, records[:half])
    return first + await insert(connection, part, owner, records[half:])


def _refusal(record: Record, error: asyncpg.PostgresError) -> Exception:
    if isinstance(error, asyncpg.NotNullViolationError):
        return record.wrong(f"it has no `{error.column_name}`.")
    reason = translate(error)
    return record.wrong(str(reason)) if isinstance(reason, InvalidInput | AlreadyExists) else error


def _statement(part: Part, given: Mapping[str, str], conflict: str = "") -> str:
    """Rows from an array of lines ($2) of an owner ($1); columns are the lines' own unless `given`."""
    columns = {part.owner: "$1::uuid"}
    for name in part.columns.keys() - columns.keys():
        columns[name] = f"r.{name}::{part.documents[name]}" if name in part.documents else f"r.{name}"
    columns |= given
    fields = ", ".join(f"{name} {part.cast(name)}" for name in part.columns)
    return (
        f"INSERT INTO {part.table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} "
        f"FROM json_to_recordset($2::json) AS r({fields}) {conflict}"
    )


# Links are made once what they lead to is there, and locked.
_LINKS = {"parent_id": "NULL", "forked_from_execution_id": "NULL", "forked_from_seq": "NULL"}
# What was new is returned: a Citus counts the others too.
_DO_NOTHING = "ON CONFLICT DO NOTHING RETURNING true"
# A hold comes to be in the same moment as its execution, so retention sees none without the other.
_INSERT = {
    **{part.kind: _statement(part, {}) for part in PARTS},
    WORKFLOW.kind: _statement(WORKFLOW, {}, _DO_NOTHING),
    EXECUTION.kind: _statement(EXECUTION, _LINKS, _DO_NOTHING),
}
