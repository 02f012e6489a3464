"""Which tables can be read as lists: their columns, their orders, and the relations between them.

All of them are constants, told apart by identity: they are parts of keys that are hashed for every row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table

from db import models
from db.jsonb import as_written
from db.queries.filters import moment_or_end

END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)
NO_TIME_YET = timedelta(seconds=-1)


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """One column of an ordering: its name in the row, and its SQL expression and type.

    `compare` ties it to the parent's value where it is part of a relation; `absent` is what its SQL makes of
    null.
    """

    column: str
    sql: str
    cast: str
    compare: str = "="
    absent: Any = None

    def value(self, row: Any) -> Any:
        """The row's place in the ordering by this column."""
        value = row[self.column]
        return self.absent if value is None else value


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A total order of a table: by some columns and at last by its key."""

    name: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A table that is read as a list or by key; `selected` has the SQL of each column by its name.

    Where some of its rows only are meant, they fulfil `condition`.
    """

    table: str
    selected: Mapping[str, str]
    key: tuple[Key, ...]
    orders: tuple[Order, ...]
    condition: str = ""

    @property
    def columns(self) -> str:
        """All columns of the alias `c`."""
        return ", ".join(self.selected.values())

    def chosen(self, order: Order, names: frozenset[str] | None) -> str:
        """These columns of the alias `c`, and what `order` looks at; all of them for None."""
        if names is None:
            return self.columns
        wanted = names.union(key.column for key in (*self.key, *order.keys))
        return ", ".join(sql for name, sql in self.selected.items() if name in wanted)

    def order(self, name: str) -> Order:
        """The ordering called `name`."""
        return next(order for order in self.orders if order.name == name)


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """The rows of `source` that fulfil `condition` and belong to a parent, found by its key in `parent`."""

    name: str
    source: Source
    parent: tuple[Key, ...] = ()
    condition: str = ""


def _uuid(column: str) -> Key:
    return Key(column, f"c.{column}", "uuid")


def _bigint(column: str) -> Key:
    return Key(column, f"c.{column}", "bigint")


def _text(column: str) -> Key:
    return Key(column, f"c.{column}", "text")


def _moment(column: str) -> Key:
    return Key(column, f"c.{column}", "timestamptz")


def _open_moment(column: str) -> Key:
    return Key(column, moment_or_end(column), "timestamptz", absent=END_OF_TIME)


_ID = (_uuid("id"),)
_IN_EXECUTION = (_uuid("execution_id"), _bigint("seq"))
_SEQ = (_bigint("seq"),)
_LASTED = Key(
    "duration",
    "coalesce(c.completed_at - c.started_at, '-00:00:01'::interval)",
    "interval",
    absent=NO_TIME_YET,
)
_SUBJECT = (_uuid("subject_id"),)


def _source(
    model: type[models.Base],
    key: tuple[Key, ...],
    *orders: Order,
    without: str = "",
    condition: str = "",
    **derived: str,
) -> Source:
    table = model.__table__
    assert isinstance(table, Table)
    names = [column.name for column in table.columns if column.name not in without.split()]
    selected = {name: _selected(name, names) for name in names if not name.endswith("_exact")}
    selected |= {name: f"{sql} AS {name}" for name, sql in derived.items()}
    return Source(table.name, selected, key, orders, condition)


def _selected(name: str, names: list[str]) -> str:
    return f"{as_written('c', name)} AS {name}" if f"{name}_exact" in names else f"c.{name}"


WORKFLOWS = _source(
    models.Workflow,
    _ID,
    Order("CREATED_AT", _ID),
    Order("UPDATED_AT", (_moment("updated_at"), *_ID)),
    Order("NAME", (_text("name"), *_ID)),
)
EXECUTIONS = _source(
    models.Execution,
    _ID,
    Order("CREATED_AT", _ID),
    Order("STARTED_AT", (_open_moment("started_at"), *_ID)),
    Order("COMPLETED_AT", (_open_moment("completed_at"), *_ID)),
    Order("DURATION", (_LASTED, *_ID)),
    duration="c.completed_at - c.started_at",
)
STEPS = _source(
    models.Step,
    _IN_EXECUTION,
    Order("SEQ", _SEQ),
    Order("KEY", (_text("key"), Key("attempt", "c.attempt", "int"))),
    Order("STARTED_AT", (_open_moment("started_at"), *_SEQ)),
)
LOG_ENTRIES = _source(
    models.LogEntry, _IN_EXECUTION, Order("SEQ", _SEQ), Order("LOGGED_AT", (_moment("logged_at"), *_SEQ))
)
CHECKPOINTS = _source(models.Checkpoint, _IN_EXECUTION, Order("SEQ", _SEQ))
EVENTS = _source(
    models.Event, _IN_EXECUTION, Order("SEQ", _SEQ), without="idempotency_key fingerprint outcome xid"
)
METRIC_POINTS = _source(models.MetricPoint, _IN_EXECUTION, Order("SEQ", _SEQ))
STATES = _source(models.State, (_uuid("execution_id"),))
STATE_ENTRIES = _source(
    models.StateEntry,
    (_uuid("execution_id"), _text("key"), _bigint("version")),
    Order("VERSION", (_bigint("version"),)),
    condition="NOT c.field",
)
AUDIT_ENTRIES = _source(models.AuditEntry, _ID, Order("AT", _ID))
TOKENS = _source(
    models.Token,
    _ID,
    Order("CREATED_AT", _ID),
    Order("NAME", (_text("name"), *_ID)),
    without="secret_hash",
)
POLICIES = _source(models.RetentionPolicy, _ID, Order("CREATED_AT", _ID), Order("NAME", (_text("name"),)))
RUNS = _source(models.RetentionRun, _ID, Order("STARTED_AT", _ID), without="place")
HOLDS = _source(models.Hold, _SUBJECT, Order("PLACED_AT", (_moment("placed_at"), *_SUBJECT)))

ALL_WORKFLOWS = Relation("workflows", WORKFLOWS)
VERSIONS_OF_WORKFLOW = Relation("versions", WORKFLOWS, (_text("name"),))
ALL_EXECUTIONS = Relation("executions", EXECUTIONS)
ORPHANED_EXECUTIONS = Relation(
    "orphanedExecutions",
    EXECUTIONS,
    condition="c.status = 'RUNNING' AND c.lease_epoch > 0 "
    "AND (c.lease_expires_at IS NULL OR c.lease_expires_at <= statement_timestamp())",
)
EXECUTIONS_OF_WORKFLOW = Relation("executions", EXECUTIONS, (_uuid("workflow_id"),))
CHILDREN_OF_EXECUTION = Relation("children", EXECUTIONS, (_uuid("parent_id"),))
STEPS_OF_EXECUTION = Relation("steps", STEPS, (_uuid("execution_id"),))
LOGS_OF_EXECUTION = Relation("logs", LOG_ENTRIES, (_uuid("execution_id"),))
LOGS_OF_STEP = Relation("logs", LOG_ENTRIES, (_uuid("execution_id"), _bigint("step_seq")))
CHECKPOINTS_OF_EXECUTION = Relation("checkpoints", CHECKPOINTS, (_uuid("execution_id"),))
EVENTS_OF_EXECUTION = Relation("events", EVENTS, (_uuid("execution_id"),))
HISTORY_OF_VARIABLE = Relation(
    "history",
    STATE_ENTRIES,
    (_uuid("execution_id"), _text("key"), Key("version", "c.version", "bigint", compare="<=")),
    condition=STATE_ENTRIES.condition,
)
AUDIT_LOG = Relation("auditLog", AUDIT_ENTRIES)
ALL_TOKENS = Relation("tokens", TOKENS)
ALL_POLICIES = Relation("retentionPolicies", POLICIES)
ALL_RUNS = Relation("retentionRuns", RUNS)
ALL_HOLDS = Relation("holds", HOLDS)
POINTS_OF_EXECUTION = Relation("points", METRIC_POINTS, (_uuid("execution_id"),))
