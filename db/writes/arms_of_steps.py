"""How attempts at steps are written: first ones, those that are as an earlier one was, and changes."""

from collections.abc import Mapping

from db.writes.arm import EXECUTION, Arm, insert, words

_STEP = {
    **EXECUTION,
    "seq": "bigint",
    "key": "text",
    "attempt": "integer",
    "name": "text",
    "type": "text",
    "status": "text",
    "event_seq": "bigint",
    "input": "json",
    "output": "json",
    "error": "json",
    "depends_on": "json",
    "metrics": "json",
    "started_at": "timestamptz",
    "completed_at": "timestamptz",
}
STEPS: Mapping[str, Arm] = {
    "new_steps": insert(
        "steps",
        _STEP,
        name="coalesce(g.name, g.key)",
        type="coalesce(g.type, 'task')",
        depends_on=words("depends_on", "'{}'::text[]"),
    ),
    "repeated_steps": Arm(
        {**_STEP, "like_seq": "bigint", "whole": "boolean"},
        f"""
        INSERT INTO steps ({", ".join(_STEP)})
        SELECT g.execution_id, g.seq, g.key, g.attempt, coalesce(g.name, l.name, g.key),
               coalesce(g.type, l.type, 'task'), g.status, g.event_seq, coalesce(g.input::json, l.input),
               coalesce(g.output::json, CASE WHEN g.whole THEN l.output END), g.error::json,
               {words("depends_on", "coalesce(l.depends_on, '{}'::text[])")},
               coalesce(g.metrics::json, CASE WHEN g.whole THEN l.metrics END),
               coalesce(g.started_at, CASE WHEN g.whole THEN l.started_at END),
               coalesce(g.completed_at, CASE WHEN g.whole THEN l.completed_at END)
        FROM {{given}} LEFT JOIN LATERAL (
            SELECT s.name, s.type, s.input, s.output, s.depends_on, s.metrics, s.started_at, s.completed_at
            FROM steps s
            WHERE s.execution_id = g.execution_id AND s.seq = g.like_seq LIMIT 1
        ) l ON true
        """,
    ),
    "steps": Arm(
        {name: kind for name, kind in _STEP.items() if name not in ("key", "attempt")},
        f"""
        UPDATE steps s SET status = g.status, event_seq = g.event_seq, name = coalesce(g.name, s.name),
            type = coalesce(g.type, s.type), input = coalesce(g.input::json, s.input),
            output = coalesce(g.output::json, s.output), error = coalesce(g.error::json, s.error),
            depends_on = {words("depends_on", "s.depends_on")},
            metrics = coalesce(g.metrics::json, s.metrics),
            started_at = coalesce(g.started_at, s.started_at),
            completed_at = coalesce(g.completed_at, s.completed_at)
        FROM {{given}} WHERE s.execution_id = g.execution_id AND s.seq = g.seq
        """,
    ),
}
