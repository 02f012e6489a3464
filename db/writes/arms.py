"""How each table is written by the one statement of `rows.py`."""

from collections.abc import Mapping

from db.state_values import HIDDEN, HIDING
from db.writes.arm import EXECUTION, Arm, insert, words
from db.writes.arms_of_heads import HEADS
from db.writes.arms_of_steps import STEPS

# Of no execution: on every node, where the others are on their execution's.
EVERYWHERE = frozenset(("idempotency_keys",))
_LISTS = ("completed_steps", "failed_steps", "skipped_steps")

ARMS: Mapping[str, Arm] = {
    **HEADS,
    **STEPS,
    "new_executions": Arm(
        {
            "id": "uuid",
            "workflow_id": "uuid",
            "status": "text",
            "trigger_type": "text",
            "triggered_by": "text",
            "correlation_id": "text",
            "parent_id": "uuid",
            "input": "json",
            "attributes": "jsonb",
            "attributes_exact": "json",
            "tags": "json",
            "priority": "smallint",
            "event_seq": "bigint",
            "created_at": "timestamptz",
        },
        f"""
        INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by, correlation_id,
                                parent_id, input, attributes, attributes_exact, tags, priority,
                                event_seq, created_at)
        SELECT g.id, g.workflow_id, g.status, g.trigger_type, g.triggered_by, g.correlation_id, g.parent_id,
               g.input::json, coalesce(g.attributes::jsonb, '{{}}'), g.attributes_exact::json,
               {words("tags", "'{}'::text[]")}, g.priority, g.event_seq, g.created_at
        FROM {{given}}
        """,
    ),
    "new_states": insert(
        "states",
        {
            **EXECUTION,
            "version": "bigint",
            "checkpoint_seq": "bigint",
            "current_step": "text",
            "completed_steps": "json",
            "failed_steps": "json",
            "skipped_steps": "json",
            "parallel_groups": "json",
        },
        **{name: words(name, "'{}'::text[]") for name in _LISTS},
    ),
    "idempotency_keys": insert(
        "idempotency_keys", {"key": "text", "fingerprint": "bytea", "outcome": "json"}
    ),
    "state_entries": insert(
        "state_entries",
        {
            **EXECUTION,
            "field": "boolean",
            "key": "text",
            "version": "bigint",
            "op": "text",
            "value": "jsonb",
            "value_exact": "json",
        },
    ),
    "checkpoints": insert(
        "checkpoints",
        {
            **EXECUTION,
            "seq": "bigint",
            "parent_seq": "bigint",
            "step_key": "text",
            "label": "text",
            "state_version": "bigint",
            "event_seq": "bigint",
            "step_seq": "bigint",
            "data": "json",
            "created_by": "text",
            "created_at": "timestamptz",
        },
    ),
    "adopted_checkpoints": Arm(
        {**EXECUTION, "seq": "bigint", "parent_seq": "bigint"},
        """
        UPDATE checkpoints c SET parent_seq = g.parent_seq
        FROM {given} WHERE c.execution_id = g.execution_id AND c.seq = g.seq
        """,
    ),
    "gone_checkpoints": Arm(
        {**EXECUTION, "seq": "bigint"},
        "DELETE FROM checkpoints c USING {given} WHERE c.execution_id = g.execution_id AND c.seq = g.seq",
    ),
    "hidden_entries": Arm(
        {**EXECUTION, "first": "bigint", "last": "bigint"},
        f"DELETE FROM state_entries e USING {{given}} CROSS JOIN LATERAL {HIDING} WHERE {HIDDEN}",
    ),
    "log_entries": insert(
        "log_entries",
        {
            **EXECUTION,
            "seq": "bigint",
            "step_seq": "bigint",
            "level": "smallint",
            "message": "text",
            "fields": "json",
            "logged_at": "timestamptz",
            "original_bytes": "bigint",
        },
    ),
    "metric_points": insert(
        "metric_points",
        {**EXECUTION, "seq": "bigint", "step_seq": "bigint", "name": "text", "value": "float8"},
    ),
    "events": insert(
        "events",
        {
            **EXECUTION,
            "seq": "bigint",
            "type": "text",
            "actor": "text",
            "at": "timestamptz",
            "changes": "json",
            "idempotency_key": "text",
            "fingerprint": "bytea",
            "outcome": "json",
        },
    ),
}
