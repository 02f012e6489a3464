"""`appendLogs`, `recordMetrics`, and `commitStep`, which takes a step's whole outcome."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.errors import InvalidInput, NotFound
from db.texts import fitted, is_storable, storable, storable_json
from db.writes import commits, records
from db.writes.commits import CheckpointWish, StepCommit
from db.writes.records import LogLine
from graph.api import errors
from graph.api.meaning import means_nothing
from graph.api.writing import EngineInput, FailureInput, accepted, document, execution_key, text
from graph.arguments import given
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.enums import LogLevel, StepStatus
from graph.ids import Kind
from graph.limits import require
from graph.loaded import loaded
from graph.mutations.states import CheckpointInput, StateInput, load_states, state_change, state_written
from graph.mutations.steps import StepInput, step_end, step_start
from graph.nodes import required_rows
from graph.scalars import JSON, JSONObject, Long, json_text
from graph.types.metrics import ExecutionMetrics, load_metrics
from graph.types.states import Checkpoint, ExecutionState
from graph.types.steps import Step
from graph.written import Written, written, written_by


@strawberry.input(description="Something to log.")
class LogEntryInput:
    """Columns of log_entries."""

    level: LogLevel = strawberry.field(default=LogLevel.INFO, description="How severe it is.")
    message: str = strawberry.field(
        description="What to log. Over the limit it is cut, and what can't be kept becomes U+FFFD."
    )
    step_key: str | None = strawberry.field(
        default=strawberry.UNSET, description="The step whose last attempt logged it."
    )
    fields: JSONObject | None = strawberry.field(
        default=strawberry.UNSET, description="Structured additions to the message."
    )
    logged_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it was logged; now, by the database's clock, unless given.",
    )


@strawberry.input(description="Log entries of one execution, in their order.")
class AppendLogsInput(EngineInput):
    """A batch of entries."""

    execution_id: strawberry.ID = strawberry.field(description="Which execution.")
    entries: list[LogEntryInput] = strawberry.field(description="The entries; thousands are fine.")


@strawberry.input(description="Numbers about an execution, or about a step of it.")
class RecordMetricsInput(EngineInput):
    """A batch of points."""

    execution_id: strawberry.ID = strawberry.field(description="Which execution.")
    step_key: str | None = strawberry.field(
        default=strawberry.UNSET, description="The step whose last attempt they are about."
    )
    values: JSONObject = strawberry.field(description="The numbers by name.")


@strawberry.input(description="A step and how it ended.")
class CommitStepStepInput(StepInput):
    """An attempt's start and end in one."""

    status: StepStatus = strawberry.field(default=StepStatus.COMPLETED, description="How it ended.")
    output: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="What it came to; with COMPLETED only."
    )
    error: FailureInput | None = strawberry.field(
        default=strawberry.UNSET, description="What went wrong; with a bad end or RETRYING only."
    )
    metrics: JSONObject | None = strawberry.field(
        default=strawberry.UNSET, description="What was measured of it: CPU, memory, bytes."
    )


@strawberry.input(description="A step's whole outcome; all of it is written, or nothing.")
class CommitStepInput(EngineInput):
    """A commit."""

    execution_id: strawberry.ID = strawberry.field(description="Which execution.")
    step: CommitStepStepInput = strawberry.field(
        description="The step; it need not have been started. After a bad end this is another attempt. One "
        "that is done takes nothing else: only the same commit again, or nothing but the same end."
    )
    state: StateInput | None = strawberry.field(
        default=strawberry.UNSET, description="What to save of the state."
    )
    checkpoint: CheckpointInput | None = strawberry.field(
        default=strawberry.UNSET, description="A checkpoint to take after that."
    )
    logs: list[LogEntryInput] | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing([]),
        description="What the step logged; entries without a `stepKey` are its own.",
    )


@strawberry.type(description="Which entries were appended.")
class AppendLogsPayload:
    """What appending answers."""

    count: Long = strawberry.field(description="How many entries were appended.")
    first_seq: Long = strawberry.field(description="The first one's number.")
    last_seq: Long = strawberry.field(description="The last one's number.")


async def _metrics(info: Info, payloads: Sequence["RecordMetricsPayload"]) -> list[Any]:
    keys = [(payload.execution,) for payload in payloads]
    rows = await required_rows(info, Kind.EXECUTION, keys)
    there = [row for row in rows if not isinstance(row, NotFound)]
    found = iter(await load_metrics(info, there))
    return [row if isinstance(row, NotFound) else next(found) for row in rows]


@strawberry.type(description="The execution's numbers as they are now.")
class RecordMetricsPayload:
    """What recording answers."""

    execution: strawberry.Private[UUID]
    metrics = loaded(_metrics, ExecutionMetrics, "The numbers.")


@strawberry.type(description="What was committed.")
class CommitStepPayload(Written):
    """What committing answers."""

    step = written("step", Step, "The attempt.")
    state = written_by("state", load_states, ExecutionState, "The state at the version after the commit.")
    checkpoint = written("checkpoint", Checkpoint, "The checkpoint, where one was taken.", optional=True)


AppendLogsResult = Annotated[
    AppendLogsPayload | errors.Refused | errors.NotFound | errors.StaleLease,
    strawberry.union("AppendLogsResult", description="Which entries, or why there are none."),
]
RecordMetricsResult = Annotated[
    RecordMetricsPayload | errors.Refused | errors.NotFound | errors.StaleLease,
    strawberry.union("RecordMetricsResult", description="The numbers, or why nothing changed."),
]
CommitStepResult = Annotated[
    CommitStepPayload
    | errors.Refused
    | errors.NotFound
    | errors.VersionConflict
    | errors.StaleLease
    | errors.InvalidTransition,
    strawberry.union("CommitStepResult", description="What was committed, or why nothing was."),
]


@strawberry.type
class RecordMutations:
    """Part of the root."""

    @strawberry.mutation(
        description="Append log entries to an execution, also to one that has ended.", directives=[WRITE]
    )
    async def append_logs(
        self, info: Info, input: Annotated[AppendLogsInput, strawberry.argument(description="What to log.")]
    ) -> AppendLogsResult:
        """Rows of log_entries."""
        lines = log_lines(info, "entries", input.entries)
        write = accepted(info, "appendLogs", input, entries=lines)
        key = execution_key(input.execution_id)
        first, last = await records.append_logs(info.context.database, key, write, lines)
        return AppendLogsPayload(count=Long(last - first + 1), first_seq=Long(first), last_seq=Long(last))

    @strawberry.mutation(description="Record numbers that the engine measured.", directives=[WRITE])
    async def record_metrics(
        self,
        info: Info,
        input: Annotated[RecordMetricsInput, strawberry.argument(description="What was measured.")],
    ) -> RecordMetricsResult:
        """Rows of metric_points."""
        write = accepted(info, "recordMetrics", input)
        key, values = execution_key(input.execution_id), document(info, "values", input.values)
        step = text("stepKey", input.step_key)
        await records.record_metrics(
            info.context.database, key, write, step, values if isinstance(values, dict) else {}
        )
        return RecordMetricsPayload(execution=key)

    @strawberry.mutation(
        description="Commit a step's whole outcome: end, state, checkpoint and logs, in one transaction.",
        directives=[WRITE],
    )
    async def commit_step(
        self,
        info: Info,
        input: Annotated[CommitStepInput, strawberry.argument(description="The step's outcome.")],
    ) -> CommitStepResult:
        """Rows of the whole tree, or none."""
        return await commit(info, input)


async def commit(info: Info, input: CommitStepInput) -> CommitStepPayload:
    """Commit one step's outcome; raises the write's refusals."""
    logs = log_lines(info, "logs", given(input.logs) or [])
    write = accepted(info, "commitStep", input, logs=logs)
    key = execution_key(input.execution_id)
    done = await commits.commit_step(info.context.database, key, write, _commit(info, input, logs))
    checkpoint = done.checkpoint
    return CommitStepPayload(
        written={
            "step": {"execution_id": key, "seq": done.step},
            "state": state_written(key, done.version),
            "checkpoint": None if checkpoint is None else {"execution_id": key, "seq": checkpoint},
        }
    )


def log_lines(info: Info, name: str, entries: list[LogEntryInput]) -> list[LogLine]:
    """What `db` appends; text is kept whatever it is.

    Raises `TooLarge` for too many entries, and `InvalidInput` that tells by `name` and number which entry
    can't mean anything.
    """
    limits = info.context.limits
    require("The number of log entries", len(entries), limits.log_entries)
    lines = []
    for number, entry in enumerate(entries):
        try:
            lines.append(_line(entry, limits.log_message_bytes))
        except InvalidInput as error:
            raise InvalidInput(f"`{name}[{number}]`: {error}") from error
    return lines


def _line(entry: LogEntryInput, most_bytes: int) -> LogLine:
    step_key = given(entry.step_key)
    if step_key is not None and not is_storable(step_key):
        raise InvalidInput(f"No step has the key {step_key!r}: it holds a character that can't be kept.")
    message, original_bytes = fitted(storable(entry.message), most_bytes)
    return LogLine(
        int(entry.level), message, step_key, _fields(entry.fields), given(entry.logged_at), original_bytes
    )


def _fields(value: JSONObject | None) -> Any:
    fields: Any = given(value)
    if fields is None:
        return None
    try:
        json_text(fields)
        return fields
    except InvalidInput as error:
        try:
            fields = storable_json(fields)
        except (TypeError, ValueError, RecursionError):
            raise error from None
    json_text(fields)
    return fields


def _commit(info: Info, input: CommitStepInput, logs: list[LogLine]) -> StepCommit:
    step, state, wish = input.step, given(input.state), given(input.checkpoint)
    checkpoint = None
    if wish is not None:
        checkpoint = CheckpointWish(text("label", wish.label), document(info, "data", wish.data))
    return StepCommit(
        start=step_start(info, step),
        end=step_end(info, step.status, step.output, step.error, step.metrics),
        state=None if state is None else state_change(info, state),
        checkpoint=checkpoint,
        logs=logs,
    )
