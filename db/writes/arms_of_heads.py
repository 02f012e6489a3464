"""How the heads that every write advances are written: the rows of executions and of their states.

PostgreSQL gets ready for whatever an arm may do, so the little that most writes do has one of its own. It
makes only one of two updates of a row in one statement, so a row is in one such arm alone.
"""

from collections.abc import Mapping

from db.writes.arm import EXECUTION, Arm, words
from db.writes.priorities import RANK

# What most writes change of an execution: its counters, and until when its lease lasts.
COUNTED = {
    "lease_expires_at": "timestamptz",
    "heartbeat_at": "timestamptz",
    "event_seq": "bigint",
    "log_seq": "bigint",
    "step_seq": "bigint",
    "checkpoint_seq": "bigint",
    "metric_seq": "bigint",
}


def _counted(columns: Mapping[str, str], *settings: str) -> Arm:
    """An arm that updates executions: what most writes change, and further `columns` by their `settings`."""
    changes = ", ".join([*(f"{name} = g.{name}" for name in COUNTED), *settings])
    return Arm(
        {"id": "uuid", **COUNTED, **columns},
        f"UPDATE executions e SET {changes} FROM {{given}} WHERE e.id = g.id",
    )


_MOVED = {
    "status": "text",
    "lease_holder": "text",
    "lease_epoch": "bigint",
    "started_at": "timestamptz",
    "completed_at": "timestamptz",
    "result": "json",
    "error": "json",
}
_MOVE = f"""
    status = g.status, lease_holder = g.lease_holder, lease_epoch = g.lease_epoch,
    started_at = g.started_at, completed_at = g.completed_at,
    -- What had ended and goes on again is as urgent as its workflow is by now.
    priority = CASE WHEN e.completed_at IS NULL OR g.completed_at IS NOT NULL THEN e.priority ELSE {RANK} END,
    result = CASE WHEN g.result IS NULL THEN e.result ELSE nullif(g.result, 'null')::json END,
    error = CASE WHEN g.error IS NULL THEN e.error ELSE nullif(g.error, 'null')::json END
"""
# What most saves change of a state.
ADVANCED = {**EXECUTION, "version": "bigint", "checkpoint_seq": "bigint", "updated_at": "timestamptz"}
_ADVANCE = """
    version = g.version, checkpoint_seq = g.checkpoint_seq, updated_at = coalesce(g.updated_at, s.updated_at)
"""

HEADS: Mapping[str, Arm] = {
    "counted_executions": _counted({}),
    "executions": _counted(_MOVED, _MOVE),
    "labelled_executions": _counted(
        {**_MOVED, "tags": "json", "attributes": "jsonb", "attributes_exact": "json"},
        _MOVE,
        f"tags = {words('tags', 'e.tags')}",
        "attributes = coalesce(g.attributes::jsonb, e.attributes)",
        """attributes_exact = CASE WHEN g.attributes IS NULL THEN e.attributes_exact
                                   ELSE g.attributes_exact::json END""",
    ),
    "advanced_states": Arm(
        ADVANCED, f"UPDATE states s SET {_ADVANCE} FROM {{given}} WHERE s.execution_id = g.execution_id"
    ),
    "states": Arm(
        {
            **ADVANCED,
            "current_step": "json",
            "completed_steps": "json",
            "failed_steps": "json",
            "skipped_steps": "json",
            "parallel_groups": "json",
            "pruned_to": "bigint",
        },
        f"""
        UPDATE states s SET {_ADVANCE},
            pruned_to = greatest(s.pruned_to, g.pruned_to),
            current_step = CASE WHEN g.current_step IS NULL THEN s.current_step
                                ELSE g.current_step::json #>> '{{}}' END,
            completed_steps = {words("completed_steps", "s.completed_steps")},
            failed_steps = {words("failed_steps", "s.failed_steps")},
            skipped_steps = {words("skipped_steps", "s.skipped_steps")},
            parallel_groups = CASE WHEN g.parallel_groups IS NULL THEN s.parallel_groups
                                   ELSE nullif(g.parallel_groups, 'null')::json END
        FROM {{given}} WHERE s.execution_id = g.execution_id
        """,
    ),
}
