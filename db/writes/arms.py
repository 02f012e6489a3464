"""How each table is written by the one statement of `rows.py`.

Columns that a change leaves out are NULL and stay as they are; JSON goes as text, and the text `null`
empties a column.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from db.moments import finite
from db.state_values import HIDDEN, HIDING
from db.writes.priorities import RANK


@dataclass(frozen=True)
class Arm:
    """How one table is written: the columns that rows give, each with its type, and the statement over them.

    `{given}` in the statement stands for the rows, under the alias `g`.
    """

    columns: Mapping[str, str]
    statement: str

    @property
    def key(self) -> str:
        """The column with the execution of a row, where it is of one."""
        return next(iter(self.columns))


def _insert(table: str, columns: Mapping[str, str], **computed: str) -> Arm:
    """An arm that inserts rows as they are given, but for what is `computed` from them."""
    values = ", ".join(computed.get(name, _as_given(name, kind)) for name, kind in columns.items())
    return Arm(columns, f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {{given}}")


def _as_given(name: str, kind: str) -> str:
    if kind == "timestamptz":
        return finite(f"g.{name}")
    return f"g.{name}::{kind}" if kind in AS_TEXT else f"g.{name}"


def _words(column: str, otherwise: str) -> str:
    """An array of texts from a JSON list; arrays of arrays could not be given as such."""
    return (
        f"CASE WHEN g.{column} IS NULL THEN {otherwise} "
        f"ELSE ARRAY(SELECT json_array_elements_text(g.{column}::json)) END"
    )


# Given as text and cast: the driver would ask for a codec of its own.
AS_TEXT = ("json", "jsonb")
# Of no execution: on every node, where the others are on their execution's.
EVERYWHERE = frozenset(("idempotency_keys",))
_EXECUTION = {"execution_id": "uuid"}
_LISTS = ("completed_steps", "failed_steps", "skipped_steps")


def _executions(columns: Mapping[str, str], settings: str = "") -> Arm:
    """An arm that updates executions: what most writes change, and further `columns` by their `settings`.

    PostgreSQL makes only one of two updates of a row in one statement, so a row is in one such arm alone.
    """
    return Arm(
        {
            "id": "uuid",
            "status": "text",
            "lease_holder": "text",
            "lease_epoch": "bigint",
            "lease_expires_at": "timestamptz",
            "heartbeat_at": "timestamptz",
            "event_seq": "bigint",
            "log_seq": "bigint",
            "step_seq": "bigint",
            "checkpoint_seq": "bigint",
            "metric_seq": "bigint",
            "started_at": "timestamptz",
            "completed_at": "timestamptz",
            "result": "json",
            "error": "json",
            **columns,
        },
        f"""
        UPDATE executions e SET status = g.status, lease_holder = g.lease_holder,
            lease_epoch = g.lease_epoch, lease_expires_at = g.lease_expires_at,
            heartbeat_at = g.heartbeat_at, event_seq = g.event_seq, log_seq = g.log_seq,
            step_seq = g.step_seq, checkpoint_seq = g.checkpoint_seq, metric_seq = g.metric_seq,
            started_at = g.started_at, completed_at = g.completed_at,
            -- What had ended and goes on again is as urgent as its workflow is by now.
            priority = CASE WHEN e.completed_at IS NULL OR g.completed_at IS NOT NULL THEN e.priority
                ELSE {RANK} END,
            result = CASE WHEN g.result IS NULL THEN e.result ELSE nullif(g.result, 'null')::json END,
            error = CASE WHEN g.error IS NULL THEN e.error ELSE nullif(g.error, 'null')::json END{settings}
        FROM {{given}} WHERE e.id = g.id
        """,
    )


ARMS: Mapping[str, Arm] = {
    "executions": _executions({}),
    "labelled_executions": _executions(
        {"tags": "json", "attributes": "jsonb", "attributes_exact": "json"},
        f""", tags = {_words("tags", "e.tags")}, attributes = coalesce(g.attributes::jsonb, e.attributes),
            attributes_exact = CASE WHEN g.attributes IS NULL THEN e.attributes_exact
                                    ELSE g.attributes_exact::json END""",
    ),
    "states": Arm(
        {
            **_EXECUTION,
            "version": "bigint",
            "checkpoint_seq": "bigint",
            "updated_at": "timestamptz",
            "current_step": "json",
            "completed_steps": "json",
            "failed_steps": "json",
            "skipped_steps": "json",
            "parallel_groups": "json",
            "pruned_to": "bigint",
        },
        f"""
        UPDATE states s SET version = g.version, checkpoint_seq = g.checkpoint_seq,
            updated_at = coalesce(g.updated_at, s.updated_at),
            pruned_to = greatest(s.pruned_to, g.pruned_to),
            current_step = CASE WHEN g.current_step IS NULL THEN s.current_step
                                ELSE g.current_step::json #>> '{{}}' END,
            completed_steps = {_words("completed_steps", "s.completed_steps")},
            failed_steps = {_words("failed_steps", "s.failed_steps")},
            skipped_steps = {_words("skipped_steps", "s.skipped_steps")},
            parallel_groups = CASE WHEN g.parallel_groups IS NULL THEN s.parallel_groups
                                   ELSE nullif(g.parallel_groups, 'null')::json END
        FROM {{given}} WHERE s.execution_id = g.execution_id
        """,
    ),
    "new_steps": Arm(
        {
            **_EXECUTION,
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
            "like_seq": "bigint",
            "whole": "boolean",
        },
        f"""
        INSERT INTO steps (execution_id, seq, key, attempt, name, type, status, event_seq, input, output,
                           error, depends_on, metrics, started_at, completed_at)
        SELECT g.execution_id, g.seq, g.key, g.attempt, coalesce(g.name, l.name, g.key),
               coalesce(g.type, l.type, 'task'), g.status, g.event_seq, coalesce(g.input::json, l.input),
               coalesce(g.output::json, CASE WHEN g.whole THEN l.output END), g.error::json,
               {_words("depends_on", "coalesce(l.depends_on, '{}'::text[])")},
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
        {
            **_EXECUTION,
            "seq": "bigint",
            "status": "text",
            "event_seq": "bigint",
            "name": "text",
            "type": "text",
            "input": "json",
            "output": "json",
            "error": "json",
            "depends_on": "json",
            "metrics": "json",
            "started_at": "timestamptz",
            "completed_at": "timestamptz",
        },
        f"""
        UPDATE steps s SET status = g.status, event_seq = g.event_seq, name = coalesce(g.name, s.name),
            type = coalesce(g.type, s.type), input = coalesce(g.input::json, s.input),
            output = coalesce(g.output::json, s.output), error = coalesce(g.error::json, s.error),
            depends_on = {_words("depends_on", "s.depends_on")},
            metrics = coalesce(g.metrics::json, s.metrics),
            started_at = coalesce(g.started_at, s.started_at),
            completed_at = coalesce(g.completed_at, s.completed_at)
        FROM {{given}} WHERE s.execution_id = g.execution_id AND s.seq = g.seq
        """,
    ),
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
               {_words("tags", "'{}'::text[]")}, g.priority, g.event_seq, g.created_at
        FROM {{given}}
        """,
    ),
    "new_states": _insert(
        "states",
        {
            **_EXECUTION,
            "version": "bigint",
            "checkpoint_seq": "bigint",
            "current_step": "text",
            "completed_steps": "json",
            "failed_steps": "json",
            "skipped_steps": "json",
            "parallel_groups": "json",
        },
        **{name: _words(name, "'{}'::text[]") for name in _LISTS},
    ),
    "idempotency_keys": _insert(
        "idempotency_keys", {"key": "text", "fingerprint": "bytea", "outcome": "json"}
    ),
    "state_entries": _insert(
        "state_entries",
        {
            **_EXECUTION,
            "field": "boolean",
            "key": "text",
            "version": "bigint",
            "op": "text",
            "value": "jsonb",
            "value_exact": "json",
        },
    ),
    "checkpoints": _insert(
        "checkpoints",
        {
            **_EXECUTION,
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
        {**_EXECUTION, "seq": "bigint", "parent_seq": "bigint"},
        """
        UPDATE checkpoints c SET parent_seq = g.parent_seq
        FROM {given} WHERE c.execution_id = g.execution_id AND c.seq = g.seq
        """,
    ),
    "gone_checkpoints": Arm(
        {**_EXECUTION, "seq": "bigint"},
        "DELETE FROM checkpoints c USING {given} WHERE c.execution_id = g.execution_id AND c.seq = g.seq",
    ),
    "hidden_entries": Arm(
        {**_EXECUTION, "first": "bigint", "last": "bigint"},
        f"DELETE FROM state_entries e USING {{given}} CROSS JOIN LATERAL {HIDING} WHERE {HIDDEN}",
    ),
    "log_entries": _insert(
        "log_entries",
        {
            **_EXECUTION,
            "seq": "bigint",
            "step_seq": "bigint",
            "level": "smallint",
            "message": "text",
            "fields": "json",
            "logged_at": "timestamptz",
            "original_bytes": "bigint",
        },
    ),
    "metric_points": _insert(
        "metric_points",
        {**_EXECUTION, "seq": "bigint", "step_seq": "bigint", "name": "text", "value": "float8"},
    ),
    "events": _insert(
        "events",
        {
            **_EXECUTION,
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
