"""What each list can be narrowed by. Every condition is backed by an index that the models name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from db.errors import InvalidInput
from db.ids import uuid7_floor
from db.queries.inside import NOTHING, Inside
from db.queries.predicates import ALWAYS, Parameters, TimeRange, one_of, starts_with, tagged

WIDEST_WINDOW = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class WorkflowFilter:
    """Which workflows."""

    name: str | None = None
    name_prefix: str | None = None
    statuses: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    priorities: tuple[str, ...] | None = None
    environments: tuple[str, ...] | None = None
    tags_all: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    created: TimeRange = ALWAYS
    updated: TimeRange = ALWAYS

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of workflows."""
        if self.name is not None:
            yield f"c.name = {parameters.add(self.name, 'text')}"
        yield from starts_with("c.name", self.name_prefix, parameters)
        yield from one_of("c.status", self.statuses, parameters)
        yield from one_of("c.category", self.categories, parameters)
        yield from one_of("c.priority", self.priorities, parameters)
        yield from one_of("c.environment", self.environments, parameters)
        yield from tagged("c.tags", self.tags_all, self.tags_any, parameters)
        yield from created_between(self.created, parameters)
        yield from self.updated.predicates("c.updated_at", parameters)


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions."""

    workflow_id: UUID | None = None
    workflow_name: str | None = None
    workflow_name_prefix: str | None = None
    statuses: tuple[str, ...] | None = None
    trigger_types: tuple[str, ...] | None = None
    correlation_id: str | None = None
    parent_id: UUID | None = None
    forked_from: UUID | None = None
    environments: tuple[str, ...] | None = None
    has_error: bool | None = None
    tags_all: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    attributes: str | None = None
    created: TimeRange = ALWAYS
    started: TimeRange = ALWAYS
    completed: TimeRange = ALWAYS
    inside: Inside = NOTHING

    def require_window(self) -> None:
        """Raise `InvalidInput` for conditions on what is inside without a window that bounds them."""
        lower, upper = self.created.gte or self.created.gt, self.created.lte or self.created.lt
        if self.inside == NOTHING:
            return
        if lower is None or (upper or datetime.now(UTC)) - lower > WIDEST_WINDOW:
            raise InvalidInput(
                "`step`, `variable`, `input`, `duration`, `triggeredBy` and `errorFingerprint` are looked up "
                "execution by execution: give `createdAt` a lower bound that is at most "
                f"{WIDEST_WINDOW.days} days before its upper one, or before now."
            )

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of executions; `attributes` is the text of a JSON object."""
        if self.workflow_id is not None:
            yield f"c.workflow_id = {parameters.add(self.workflow_id, 'uuid')}"
        named = [
            *([f"w.name = {parameters.add(self.workflow_name, 'text')}"] if self.workflow_name else []),
            *starts_with("w.name", self.workflow_name_prefix, parameters),
            *one_of("w.environment", self.environments, parameters),
        ]
        if named:
            yield f"c.workflow_id IN (SELECT w.id FROM workflows w WHERE {' AND '.join(named)})"
        if self.forked_from is not None:
            yield f"c.forked_from_execution_id = {parameters.add(self.forked_from, 'uuid')}"
        yield from one_of("c.status", self.statuses, parameters)
        yield from one_of("c.trigger_type", self.trigger_types, parameters)
        if self.correlation_id is not None:
            yield f"c.correlation_id = {parameters.add(self.correlation_id, 'text')}"
        if self.parent_id is not None:
            yield f"c.parent_id = {parameters.add(self.parent_id, 'uuid')}"
        if self.has_error is not None:
            yield f"c.error IS {'NOT ' if self.has_error else ''}NULL"
        yield from tagged("c.tags", self.tags_all, self.tags_any, parameters)
        if self.attributes is not None:
            yield f"c.attributes @> {parameters.add(self.attributes, 'jsonb')}"
        yield from created_between(self.created, parameters)
        yield from self.started.predicates(moment_or_end("started_at"), parameters)
        yield from self.completed.predicates(moment_or_end("completed_at"), parameters)
        yield from self.inside.predicates(parameters)

    def predicates_when_gone(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of deleted_executions: those that can still be judged by what is kept."""
        if self.workflow_id is not None:
            yield f"c.workflow_id = {parameters.add(self.workflow_id, 'uuid')}"
        if self.workflow_name:
            yield f"c.workflow_name = {parameters.add(self.workflow_name, 'text')}"
        yield from starts_with("c.workflow_name", self.workflow_name_prefix, parameters)
        yield from one_of("c.status", self.statuses, parameters)
        yield from keyed_between("c.execution_id", self.created, parameters)


@dataclass(frozen=True, slots=True)
class StepFilter:
    """Which steps of an execution."""

    statuses: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    key_prefix: str | None = None
    types: tuple[str, ...] | None = None
    started: TimeRange = ALWAYS
    latest: bool | None = None

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of steps."""
        if self.latest is not None:
            yield (
                f"{'NOT ' if self.latest else ''}EXISTS (SELECT FROM steps n WHERE "
                "n.execution_id = c.execution_id AND n.key = c.key AND n.attempt > c.attempt)"
            )
        yield from one_of("c.status", self.statuses, parameters)
        yield from one_of("c.key", self.keys, parameters)
        yield from starts_with("c.key", self.key_prefix, parameters)
        yield from one_of("c.type", self.types, parameters)
        yield from self.started.predicates(moment_or_end("started_at"), parameters)


_TRIGRAM = re.compile(r"[^\W_]{3}")


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which log entries of an execution or step."""

    min_level: int | None = None
    step_key: str | None = None
    text: str | None = None
    logged: TimeRange = ALWAYS
    seqs: tuple[int | None, int | None] = (None, None)

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of log_entries.

        The level is written into the statement, for a partial index is only used with a constant; the
        text is searched, whatever its case, within the execution's own rows, by an index where there is one.
        """
        if self.min_level is not None:
            yield f"c.level >= {int(self.min_level)}"
        if self.step_key is not None:
            yield (
                "c.step_seq IN (SELECT s.seq FROM steps s WHERE s.execution_id = c.execution_id "
                f"AND s.key = {parameters.add(self.step_key, 'text')})"
            )
        if self.text is not None:
            if not self.text:
                raise InvalidInput("An empty search text matches everything; leave the filter out instead.")
            pattern = self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            found = f"c.message ILIKE {parameters.add(f'%{pattern}%', 'text')}"
            # Without a trigram in it the index would be read whole; what IS TRUE it is not asked for.
            yield found if _TRIGRAM.search(self.text) else f"({found}) IS TRUE"
        yield from self.logged.predicates("c.logged_at", parameters)
        for sign, bound in zip((">=", "<="), self.seqs, strict=True):
            if bound is not None:
                yield f"c.seq {sign} {parameters.add(bound, 'bigint')}"


@dataclass(frozen=True, slots=True)
class CheckpointFilter:
    """Which checkpoints of an execution."""

    step_keys: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of checkpoints."""
        yield from one_of("c.step_key", self.step_keys, parameters)
        yield from one_of("c.label", self.labels, parameters)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events of an execution."""

    types: tuple[str, ...] | None = None
    happened: TimeRange = ALWAYS

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of events."""
        yield from one_of("c.type", self.types, parameters)
        yield from self.happened.predicates("c.at", parameters)


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which versions of a variable: all of them."""

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """No conditions on `c`, a row of state_entries."""
        return iter(())


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which audit entries."""

    types: tuple[str, ...] | None = None
    actors: tuple[str, ...] | None = None
    subject: tuple[str, str] | None = None
    happened: TimeRange = ALWAYS

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of audit_entries; `subject` is its (type, id)."""
        yield from one_of("c.type", self.types, parameters)
        yield from one_of("c.actor", self.actors, parameters)
        if self.subject is not None:
            kind, key = self.subject
            yield f"c.subject_type = {parameters.add(kind, 'text')}"
            yield f"c.subject_id = {parameters.add(key, 'text')}"
        yield from self.happened.predicates("c.at", parameters)


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens."""

    name: str | None = None
    name_prefix: str | None = None
    revoked: bool | None = None

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of tokens."""
        if self.name is not None:
            yield f"c.name = {parameters.add(self.name, 'text')}"
        yield from starts_with("c.name", self.name_prefix, parameters)
        if self.revoked is not None:
            yield f"c.revoked_at IS {'NOT ' if self.revoked else ''}NULL"


@dataclass(frozen=True, slots=True)
class PolicyFilter:
    """Which retention policies."""

    name: str | None = None
    name_prefix: str | None = None
    enabled: bool | None = None

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of retention_policies."""
        if self.name is not None:
            yield f"c.name = {parameters.add(self.name, 'text')}"
        yield from starts_with("c.name", self.name_prefix, parameters)
        if self.enabled is not None:
            yield f"{'' if self.enabled else 'NOT '}c.enabled"


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs of retention."""

    statuses: tuple[str, ...] | None = None

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of retention_runs."""
        yield from one_of("c.status", self.statuses, parameters)


@dataclass(frozen=True, slots=True)
class HoldFilter:
    """Which holds. There are few of them: all but the subject is looked at hold by hold."""

    subject_type: str | None = None
    subject: UUID | None = None
    workflow_id: UUID | None = None
    placed_by: tuple[str, ...] | None = None
    placed: TimeRange = ALWAYS

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of holds."""
        if self.subject_type is not None:
            yield f"c.subject_type = {parameters.add(self.subject_type, 'text')}"
        if self.subject is not None:
            yield f"c.subject_id = {parameters.add(self.subject, 'uuid')}"
        if self.workflow_id is not None:
            workflow = parameters.add(self.workflow_id, "uuid")
            yield (
                f"(c.subject_id = {workflow} OR EXISTS (SELECT FROM executions e "
                f"WHERE e.id = c.subject_id AND e.workflow_id = {workflow}))"
            )
        yield from one_of("c.placed_by", self.placed_by, parameters)
        yield from self.placed.predicates("c.placed_at", parameters)


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """Which reported metric points of an execution."""

    names: tuple[str, ...] | None = None

    def predicates(self, parameters: Parameters) -> Iterator[str]:
        """Conditions on `c`, a row of metric_points."""
        yield from one_of("c.name", self.names, parameters)


def moment_or_end(column: str) -> str:
    """The indexed expression for a moment that may not have come yet: it then sorts after all others."""
    return f"coalesce(c.{column}, '9999-12-31 00:00:00+00'::timestamptz)"


def created_between(created: TimeRange, parameters: Parameters) -> Iterator[str]:
    """Conditions on when a row with a UUIDv7 key was created: exact by column, pruned by key."""
    yield from created.predicates("c.created_at", parameters)
    yield from keyed_between("c.id", created, parameters)


def keyed_between(column: str, created: TimeRange, parameters: Parameters) -> Iterator[str]:
    """Conditions on a column of UUIDv7 keys that hold for all of a time, and for little else."""
    lower = created.gte or created.gt
    upper = created.lte or created.lt
    if lower is not None:
        yield f"{column} >= {parameters.add(uuid7_floor(lower), 'uuid')}"
    if upper is not None:
        beyond = UUID(int=min(uuid7_floor(upper).int + (1 << 80), (1 << 128) - 1))
        yield f"{column} < {parameters.add(beyond, 'uuid')}"
