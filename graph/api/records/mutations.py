"""`appendLogs` and `recordMetrics`."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.errors import InvalidInput, NotFound
from db.texts import fitted, is_storable, storable, storable_json
from db.writes import records
from db.writes.records import LogLine
from graph.api import errors
from graph.api.records.inputs import AppendLogsInput, LogEntryInput, RecordMetricsInput
from graph.api.records.metrics import ExecutionMetrics, load_metrics
from graph.api.writing import accepted, document, execution_key, text
from graph.arguments import given
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.ids import Kind
from graph.limits import require
from graph.loaded import loaded
from graph.nodes import required_rows
from graph.scalars import JSONObject, Long, json_text


@strawberry.type(description="Which entries were appended.")
class AppendLogsPayload:
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
    execution: strawberry.Private[UUID]
    metrics = loaded(_metrics, ExecutionMetrics, "The numbers.")


AppendLogsResult = Annotated[
    AppendLogsPayload | errors.Refused | errors.NotFound | errors.StaleLease,
    strawberry.union("AppendLogsResult", description="Which entries, or why there are none."),
]
RecordMetricsResult = Annotated[
    RecordMetricsPayload | errors.Refused | errors.NotFound | errors.StaleLease,
    strawberry.union("RecordMetricsResult", description="The numbers, or why nothing changed."),
]


@strawberry.type
class RecordMutations:
    @strawberry.mutation(
        description="Append log entries to an execution, also to one that has ended.", directives=[WRITE]
    )
    async def append_logs(
        self, info: Info, input: Annotated[AppendLogsInput, strawberry.argument(description="What to log.")]
    ) -> AppendLogsResult:
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
        write = accepted(info, "recordMetrics", input)
        key, values = execution_key(input.execution_id), document(info, "values", input.values)
        step = text("stepKey", input.step_key)
        await records.record_metrics(
            info.context.database, key, write, step, values if isinstance(values, dict) else {}
        )
        return RecordMetricsPayload(execution=key)


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
