"""Errors that are the same but for their particulars, brought together.

Failures with the same fingerprint are a group.
"""

import asyncpg

from db.queries.filters import ExecutionFilter, keyed_between
from db.queries.fingerprints import LONGEST_MESSAGE, code_of, fingerprint, message_of
from db.queries.pages import Row
from db.queries.predicates import Parameters

MOST_WORKFLOWS = 50
_NEWEST_FIRST = "ORDER BY at DESC, execution_id DESC, seq DESC"
_NUMBERS = f"""
{fingerprint("code", "message")} AS fingerprint, code, message,
count(*) AS count, count(DISTINCT execution_id) AS executions, min(at) AS first_seen, max(at) AS last_seen,
(array_agg(DISTINCT workflow_id))[1:{MOST_WORKFLOWS}] AS workflows,
(array_agg(execution_id {_NEWEST_FIRST}))[1] AS execution_id, (array_agg(seq {_NEWEST_FIRST}))[1] AS seq,
(array_agg(left(error ->> 'message', {LONGEST_MESSAGE}) {_NEWEST_FIRST}))[1] AS sample
"""


async def fetch_error_groups(
    connection: asyncpg.Connection, narrowed: ExecutionFilter, most: int
) -> list[Row]:
    """The kinds of failures of executions and of their steps, the most frequent first, at most `most`.

    Each comes with its newest failure: of an execution itself where `seq` is null.
    """
    parameters = Parameters()
    chosen = " AND ".join(narrowed.predicates(parameters))
    between = " AND ".join(keyed_between("s.execution_id", narrowed.created, parameters))
    rows: list[Row] = await connection.fetch(
        f"""
        WITH failures AS (
            SELECT c.id AS execution_id, NULL::bigint AS seq, c.workflow_id, c.error, c.completed_at AS at
            FROM executions c WHERE c.error IS NOT NULL AND {chosen}
            UNION ALL
            SELECT s.execution_id, s.seq, c.workflow_id, s.error,
                   coalesce(s.completed_at, s.started_at, s.created_at)
            FROM executions c JOIN steps s ON s.execution_id = c.id
            WHERE s.error IS NOT NULL AND {chosen} AND {between}
        ), named AS (
            SELECT f.*, {code_of("f.error")} AS code, {message_of("f.error")} AS message FROM failures f
        )
        SELECT {_NUMBERS} FROM named GROUP BY code, message
        ORDER BY count DESC, last_seen DESC, message COLLATE "C", code COLLATE "C" LIMIT {int(most)}
        """,
        *parameters.values,
    )
    return rows
