"""The one statement that locks the executions of a batch and reads all that their writes need to see.

It is put together from an arm for each kind of thing that is needed, so that a batch of heartbeats does
not pay for states. Each arm takes an array with one element an execution: the keys that it wants, as a
JSON list. Rows are locked in the order in which the executions are given.

The rest of the statement sees the database as it was when the statement began, while a locked row is seen
as it is: where another process wrote in between, the head's event number differs from the one that the
statement began with, and everything is read once more, under the locks that are now held.

A glance reads the same without locks: what is decided by it is written on the condition that the rows of the
executions are still those that it saw.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import NamedTuple
from uuid import UUID

import asyncpg
import orjson

from db.jsonb import as_written
from db.state_values import HIDDEN, HIDING
from db.topology import is_distributed
from db.writes.found import take
from db.writes.links import wait_for_makers
from db.writes.needs import Needs
from db.writes.seen import Head, Seen

_VALUE = as_written("e", "value")


def _values(keys: str, field: str = "NOT e.field", until: str = "") -> str:
    """The keys' last SET or DELETE (`until` a version) and the parts that make up their values."""
    own = f"e.execution_id = a.id AND {field} AND e.key = k.key{until}"
    return f"""
        SELECT json_agg(json_build_array(k.key, b.op, p.parts)) AS found FROM {keys} AS k(key)
        LEFT JOIN LATERAL (
            SELECT e.op, e.version FROM state_entries e WHERE {own} AND e.op <> 'APPEND'
            ORDER BY e.version DESC LIMIT 1
        ) b ON true
        LEFT JOIN LATERAL (
            SELECT json_agg({_VALUE} ORDER BY e.version) AS parts FROM state_entries e
            WHERE {own} AND e.op <> 'DELETE' AND e.version >= coalesce(b.version, 0)
        ) p ON true
        WHERE k.key IS NOT NULL AND a.{{wanted}} IS NOT NULL
    """


def _every_key(field: str = "NOT e.field") -> str:
    """All keys, from one to the next through the primary key: many versions cost no more than few."""
    own = f"e.execution_id = a.id AND {field}"
    return f"""(
        WITH RECURSIVE keys AS (
            SELECT (SELECT min(e.key) FROM state_entries e WHERE {own}) AS key
            UNION ALL
            SELECT (SELECT min(e.key) FROM state_entries e WHERE {own} AND e.key > k.key)
            FROM keys k WHERE k.key IS NOT NULL
        )
        SELECT key FROM keys WHERE a.{{wanted}} IS NOT NULL
    )"""


_AT_BASE = " AND e.version <= p.version"
_MARK = "json_build_array(c.seq, c.parent_seq, c.state_version)"
_FORKED = (
    "SELECT json_agg(DISTINCT f.forked_from_seq) FROM executions f WHERE f.forked_from_execution_id = {}"
)
_ATTEMPT = """
    s.seq, s.key, s.attempt, s.status, s.event_seq, s.started_at, s.metrics, s.output, s.error, s.name,
    s.type, s.input, s.depends_on,
    (SELECT json_build_array(encode(v.fingerprint, 'hex'), v.outcome) FROM events v
     WHERE s.completed_at IS NOT NULL AND v.execution_id = a.id AND v.seq = s.event_seq
       AND v.outcome IS NOT NULL)
"""
# What each arm selects from the execution that is `a.id`; `a.{wanted}` has what it was asked for.
_ARMS: Mapping[str, str] = {
    "state": """
        SELECT json_build_array(s.version, s.checkpoint_seq) AS found FROM states s
        WHERE s.execution_id = a.id AND a.{wanted} IS NOT NULL
    """,
    "fields": """
        SELECT json_build_object(
            'current_step', s.current_step, 'completed_steps', s.completed_steps,
            'failed_steps', s.failed_steps, 'skipped_steps', s.skipped_steps,
            'parallel_groups', s.parallel_groups) AS found
        FROM states s WHERE s.execution_id = a.id AND a.{wanted} IS NOT NULL
    """,
    "end": """
        SELECT json_build_array(e.result, e.error) AS found FROM executions e
        WHERE e.id = a.id AND a.{wanted} IS NOT NULL
    """,
    "labels": f"""
        SELECT json_build_array(e.tags, ({as_written("e", "attributes")})::json) AS found FROM executions e
        WHERE e.id = a.id AND a.{{wanted}} IS NOT NULL
    """,
    "holds": """
        SELECT coalesce(json_agg(h.reason), '[]') AS found FROM executions e
        JOIN holds h ON h.subject_id IN (e.id, e.workflow_id)
        WHERE e.id = a.id HAVING a.{wanted} IS NOT NULL
    """,
    "values": _values("json_array_elements_text(a.{wanted}::json)"),
    "every_value": _values(_every_key()),
    "kinds": """
        SELECT json_agg(json_build_array(k.key, b.op, json_typeof(b.value::json), p.appended)) AS found
        FROM json_array_elements_text(a.{wanted}::json) AS k(key)
        LEFT JOIN LATERAL (
            SELECT e.op, e.version, e.value FROM state_entries e
            WHERE e.execution_id = a.id AND NOT e.field AND e.key = k.key AND e.op <> 'APPEND'
            ORDER BY e.version DESC LIMIT 1
        ) b ON true
        LEFT JOIN LATERAL (
            SELECT true AS appended FROM state_entries e
            WHERE e.execution_id = a.id AND NOT e.field AND e.key = k.key
              AND e.version > coalesce(b.version, 0)
            LIMIT 1
        ) p ON true
    """,
    "steps": f"""
        SELECT json_agg(s.found) AS found FROM json_array_elements_text(a.{{wanted}}::json) AS k(key)
        CROSS JOIN LATERAL (
            SELECT json_build_array({_ATTEMPT}) AS found FROM steps s
            WHERE s.execution_id = a.id AND s.key = k.key ORDER BY s.attempt DESC LIMIT 1
        ) s
    """,
    "attempts": f"""
        SELECT json_agg(json_build_array({_ATTEMPT})) AS found
        FROM json_array_elements_text(a.{{wanted}}::json) AS k(seq)
        JOIN steps s ON s.execution_id = a.id AND s.seq = k.seq::bigint
    """,
    "every_attempt": """
        SELECT json_agg(json_build_array(
            s.seq, s.key, s.attempt, s.status, s.event_seq, s.started_at)) AS found
        FROM steps s WHERE s.execution_id = a.id AND a.{wanted} IS NOT NULL
    """,
    # The place that a recovery goes back to: a checkpoint, or the first variables where there is none.
    "base": f"""
        SELECT json_build_array(p.seq, p.version, p.event_seq, p.step_seq,
            ({_values(_every_key(), until=_AT_BASE)}),
            ({_values(_every_key("e.field"), field="e.field", until=_AT_BASE)})) AS found
        FROM (
            SELECT c.seq, c.state_version AS version, c.event_seq, c.step_seq FROM states s
            JOIN checkpoints c ON c.execution_id = s.execution_id
              AND c.seq = coalesce((a.{{wanted}}::json ->> 0)::bigint, s.checkpoint_seq)
            WHERE s.execution_id = a.id AND a.{{wanted}} IS NOT NULL
            UNION ALL
            SELECT NULL, CASE WHEN json_array_length(v.changes -> 'variables' -> 'after') > 0
                              THEN 1 ELSE 0 END, 0, 0
            FROM states s LEFT JOIN events v ON v.execution_id = s.execution_id AND v.seq = 1
            WHERE s.execution_id = a.id AND s.checkpoint_seq IS NULL AND a.{{wanted}}::json ->> 0 IS NULL
              AND a.{{wanted}} IS NOT NULL
        ) p
    """,
    "defined": """
        SELECT json_extract_path(w.definition, 'steps') AS found FROM executions e
        JOIN workflows w ON w.id = e.workflow_id WHERE e.id = a.id AND a.{wanted} IS NOT NULL
    """,
    "begun": """
        SELECT json_object_agg(b.key, b.depends_on) AS found FROM (
            SELECT DISTINCT ON (s.key) s.key, s.depends_on FROM steps s
            WHERE s.execution_id = a.id AND a.{wanted} IS NOT NULL ORDER BY s.key, s.attempt DESC
        ) b
    """,
    "checkpoints": f"""
        SELECT json_build_array(
            (SELECT json_agg({_MARK} ORDER BY c.seq) FROM (
                SELECT c.* FROM json_array_elements_text(a.{{wanted}}::json) AS k(seq)
                JOIN checkpoints c ON c.execution_id = a.id AND c.seq = k.seq::bigint
                UNION ALL
                SELECT c.* FROM json_array_elements_text(a.{{wanted}}::json) AS k(seq)
                JOIN checkpoints c ON c.execution_id = a.id AND c.parent_seq = k.seq::bigint
            ) c),
            ({{forked}})) AS found
        WHERE a.{{wanted}} IS NOT NULL
    """,
    "every_checkpoint": f"""
        SELECT json_build_array(
            (SELECT json_agg({_MARK} ORDER BY c.seq) FROM checkpoints c WHERE c.execution_id = a.id),
            ({{forked}})) AS found
        WHERE a.{{wanted}} IS NOT NULL
    """,
    "prunable": f"""
        SELECT to_json(count(*)) AS found
        FROM (SELECT a.id AS execution_id, (r.range ->> 0)::bigint AS first, (r.range ->> 1)::bigint AS last
              FROM json_array_elements(a.{{wanted}}::json) AS r(range)) g
        CROSS JOIN LATERAL {HIDING} JOIN state_entries e ON {HIDDEN}
        HAVING a.{{wanted}} IS NOT NULL
    """,
    "earlier": """
        SELECT json_agg(json_build_array(
            v.idempotency_key, encode(v.fingerprint, 'hex'), v.outcome)) AS found
        FROM json_array_elements_text(a.{wanted}::json) AS k(key)
        JOIN events v ON v.execution_id = a.id AND v.idempotency_key = k.key
    """,
}
_HEAD = ", ".join(f"e.{column}" for column in Head._fields)
_STATEMENT = """
SELECT a.id AS asked, s.event_seq AS began_with, clock_timestamp() AS now, l.row_version, {head}{found}
FROM {asked}
LEFT JOIN LATERAL (SELECT e.event_seq FROM executions e WHERE e.id = a.id) s ON true
LEFT JOIN LATERAL (
    SELECT e.xmin AS row_version, {columns} FROM executions e WHERE e.id = a.id{locking}
) l ON true
{joins}
"""


_NEEDS = tuple(_ARMS.keys() - {"earlier"})


class Asked(NamedTuple):
    """What the writes of a batch need of one execution, and their idempotency keys."""

    needs: Needs
    keys: frozenset[str]


class _Locking(StrEnum):
    """How the rows of executions are locked, in SQL."""

    NOT = ""
    WAITING = " FOR NO KEY UPDATE"
    SKIPPING = " FOR NO KEY UPDATE SKIP LOCKED"


@cache
def _statement(arms: tuple[str, ...], locking: _Locking, of_one: bool) -> str:
    """Of many executions, or `of_one`: all is then found by one value, which says on which node it is."""
    wanted = [f"{arm}_wanted" for arm in arms]
    if of_one:
        given = "".join(f", ${number}::text AS {name}" for number, name in enumerate(wanted, 2))
        asked, forked = f"(SELECT $1::uuid AS id{given}) AS a", "NULL"
    else:
        arrays = ", ".join(["$1::uuid[]", *(f"${number}::text[]" for number, _ in enumerate(arms, 2))])
        asked, forked = f"unnest({arrays}) AS a({', '.join(['id', *wanted])})", _FORKED.format("a.id")
    arm_of = {arm: _ARMS[arm].replace("{forked}", forked) for arm in arms}
    joins = [
        f"LEFT JOIN LATERAL ({arm_of[arm].replace('{wanted}', name)}) of_{arm} ON true"
        for arm, name in zip(arms, wanted, strict=True)
    ]
    return _STATEMENT.format(
        head=", ".join(f"l.{column}" for column in Head._fields),
        found="".join(f", of_{arm}.found AS {arm}_found" for arm in arms),
        asked=asked,
        columns=_HEAD,
        locking=locking,
        joins="\n".join(joins),
    )


async def look(
    driver: asyncpg.Connection, asked: Mapping[UUID, Asked], *, skip_locked: bool
) -> dict[UUID, Seen | None]:
    """Lock the executions and read what is asked of them, in the order of `asked`.

    None for one that isn't there; one that somebody else holds is left out with `skip_locked`, and waited
    for without.
    """
    rows = await _fetch(driver, asked, _Locking.SKIPPING if skip_locked else _Locking.WAITING)
    held = {row["asked"]: row for row in rows if row["id"] is not None}
    if any(row["event_seq"] != row["began_with"] for row in held.values()):
        # In the same transaction: what is locked stays so, and nobody else can have come in between. What
        # isn't must not be locked now, for that would have to be looked through in the same way.
        again = await _fetch(driver, {key: asked[key] for key in held}, _Locking.WAITING)
        held = {row["asked"]: row for row in again}
    return {
        key: await _seen(driver, held[key], asked[key]) if key in held else None
        for key, began_with in ((row["asked"], row["began_with"]) for row in rows)
        if key in held or began_with is None or not skip_locked
    }


async def glance(driver: asyncpg.Connection, asked: Mapping[UUID, Asked]) -> dict[UUID, Seen | None]:
    """Read what is asked of the executions without locking them; None for one that isn't there."""
    return {
        row["asked"]: None if row["id"] is None else await _seen(driver, row, asked[row["asked"]])
        for row in await _fetch(driver, asked, _Locking.NOT)
    }


async def look_again(
    driver: asyncpg.Connection, seen: Mapping[UUID, Seen], needs: Mapping[UUID, Needs]
) -> None:
    """Within a transaction that has these executions locked: read what else is needed, as it is now."""
    asked = {key: Asked(needed, frozenset()) for key, needed in needs.items()}
    for row in await _fetch(driver, asked, _Locking.WAITING):
        await _take(driver, row, seen[row["asked"]], needs[row["asked"]])


async def _fetch(
    driver: asyncpg.Connection, asked: Mapping[UUID, Asked], locking: _Locking
) -> list[asyncpg.Record]:
    wanted = [_wanted(one) for one in asked.values()]
    used = {arm: [one.get(arm) for one in wanted] for arm in _ARMS if any(arm in one for one in wanted)}
    if is_distributed(driver):
        statement = _statement(tuple(used), locking, True)
        each = zip(asked, *used.values(), strict=True)
        return [row for given in each for row in await driver.fetch(statement, *given)]
    rows: list[asyncpg.Record] = await driver.fetch(
        _statement(tuple(used), locking, False), list(asked), *used.values()
    )
    return rows


def _wanted(asked: Asked) -> dict[str, str]:
    """What is asked for, as a JSON list for each arm."""
    wanted = {name: one for name in _NEEDS if (one := getattr(asked.needs, name))}
    if asked.keys:
        wanted["earlier"] = asked.keys
    return {name: "[]" if one is True else orjson.dumps(list(one)).decode() for name, one in wanted.items()}


async def _seen(driver: asyncpg.Connection, row: asyncpg.Record, asked: Asked) -> Seen:
    seen = Seen(row["now"], Head(*(row[column] for column in Head._fields)), row["row_version"])
    await _take(driver, row, seen, asked.needs)
    return seen


async def _take(driver: asyncpg.Connection, row: asyncpg.Record, seen: Seen, needs: Needs) -> None:
    take(row, seen, needs)
    if seen.marks is not None and is_distributed(driver):
        # Forks are of any node.
        await wait_for_makers(driver)
        forked = orjson.loads(await driver.fetchval(_FORKED.format("$1"), row["asked"]) or "[]")
        seen.marks = seen.marks._replace(forked=frozenset(forked))
