"""What can be looked up of an execution: an arm each of the statement that `sight.py` puts together."""

from collections.abc import Mapping

from db.jsonb import as_written
from db.state_values import HIDDEN, HIDING

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
FORKED = "SELECT json_agg(DISTINCT f.forked_from_seq) FROM executions f WHERE f.forked_from_execution_id = {}"
_ATTEMPT = """
    s.seq, s.key, s.attempt, s.status, s.event_seq, s.started_at, s.metrics, s.output, s.error, s.name,
    s.type, s.input, s.depends_on,
    (SELECT json_build_array(encode(v.fingerprint, 'hex'), v.outcome) FROM events v
     WHERE s.completed_at IS NOT NULL AND v.execution_id = a.id AND v.seq = s.event_seq
       AND v.outcome IS NOT NULL)
"""
# What each arm selects from the execution that is `a.id`; `a.{wanted}` has what it was asked for. What is
# looked up by a list of keys is so one by one (by a LIMIT or OFFSET, which keep a subquery what it is): plans
# are made over tables that are empty yet, where a join would read all that the execution has.
LOOKUPS: Mapping[str, str] = {
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
        SELECT json_agg(s.found) AS found FROM json_array_elements_text(a.{{wanted}}::json) AS k(seq)
        CROSS JOIN LATERAL (
            SELECT json_build_array({_ATTEMPT}) AS found FROM steps s
            WHERE s.execution_id = a.id AND s.seq = k.seq::bigint LIMIT 1
        ) s
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
                CROSS JOIN LATERAL (
                    SELECT * FROM checkpoints c
                    WHERE c.execution_id = a.id AND c.seq = k.seq::bigint OFFSET 0
                ) c
                UNION ALL
                SELECT c.* FROM json_array_elements_text(a.{{wanted}}::json) AS k(seq)
                CROSS JOIN LATERAL (
                    SELECT * FROM checkpoints c
                    WHERE c.execution_id = a.id AND c.parent_seq = k.seq::bigint OFFSET 0
                ) c
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
        SELECT json_agg(v.found) AS found FROM json_array_elements_text(a.{wanted}::json) AS k(key)
        CROSS JOIN LATERAL (
            SELECT json_build_array(v.idempotency_key, encode(v.fingerprint, 'hex'), v.outcome) AS found
            FROM events v WHERE v.execution_id = a.id AND v.idempotency_key = k.key LIMIT 1
        ) v
    """,
}
