"""What mutations of records take."""

from datetime import datetime

import strawberry

from graph.api.writing import EngineInput
from graph.enums import LogLevel
from graph.scalars import JSONObject


@strawberry.input(description="Something to log.")
class LogEntryInput:
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
    execution_id: strawberry.ID = strawberry.field(description="Which execution.")
    entries: list[LogEntryInput] = strawberry.field(description="The entries; thousands are fine.")


@strawberry.input(description="Numbers about an execution, or about a step of it.")
class RecordMetricsInput(EngineInput):
    execution_id: strawberry.ID = strawberry.field(description="Which execution.")
    step_key: str | None = strawberry.field(
        default=strawberry.UNSET, description="The step whose last attempt they are about."
    )
    values: JSONObject = strawberry.field(description="The numbers by name.")
