"""Errors that are the same but for their particulars, brought together.

A message is normalised: what differs from one failure to the next of its kind (numbers, ids, moments,
paths, quoted words) becomes a placeholder. Failures with the same code and normalised message are a group.
"""

import asyncpg

from db.queries.filters import ExecutionFilter, keyed_between
from db.queries.pages import Row
from db.queries.predicates import Parameters

LONGEST_MESSAGE = 2000
MOST_WORKFLOWS = 50

# PostgreSQL's regular expressions and what takes their places, one after the other.
RULES = (
    (r"\s+", " "),
    (r"(?<![A-Za-z0-9_>])('[^']*'|\"[^\"]*\"|`[^`]*`)(?![A-Za-z0-9_<])", "<text>"),
    (r"[A-Za-z][A-Za-z0-9+.-]*://[^ <>\"']+", "<url>"),
    (r"(?<![A-Za-z0-9_])[A-Za-z]:\\[^ <>\"'|]+", "<path>"),
    (r"(?<![A-Za-z0-9_<>.~/])[.~]{0,2}(/[A-Za-z0-9_.@%+=-]+)+/?", "<path>"),
    (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
        r"( ?([Zz]|[+-][0-9]{2}:?[0-9]{2}))?)?",
        "<time>",
    ),
    (r"[0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?", "<time>"),
    (r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", "<uuid>"),
    (r"0[xX][0-9a-fA-F]+", "<hex>"),
    (
        r"(?<![A-Za-z0-9])(?=[A-Fa-f]*[0-9])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{8,}(?![A-Za-z0-9])",
        "<hex>",
    ),
    (r"((?<![A-Za-z0-9_>])[+-])?[0-9]+([.,:][0-9]+)*([eE][+-]?[0-9]+)?", "<n>"),
)


def normalised(message: str) -> str:
    """SQL: the text `message` without its particulars."""
    sql = f"left({message}, {LONGEST_MESSAGE})"
    for pattern, placeholder in RULES:
        sql = f"regexp_replace({sql}, {_quoted(pattern)}, {_quoted(placeholder)}, 'g')"
    return f"btrim({sql})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_MESSAGE = normalised("coalesce(f.error ->> 'message', '')")
_NEWEST_FIRST = "ORDER BY at DESC, execution_id DESC, seq DESC"
_NUMBERS = f"""
md5(coalesce(code, '') || ' ' || message) AS fingerprint, code, message,
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
            SELECT f.*, f.error ->> 'code' AS code, {_MESSAGE} AS message FROM failures f
        )
        SELECT {_NUMBERS} FROM named GROUP BY code, message
        ORDER BY count DESC, last_seen DESC, message COLLATE "C", code COLLATE "C" LIMIT {int(most)}
        """,
        *parameters.values,
    )
    return rows
