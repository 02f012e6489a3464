"""`startStep` and `finishStep`."""

from typing import Annotated
from uuid import UUID

import strawberry

from db.errors import InvalidInput
from db.writes import steps
from db.writes.steps import StepEnd, StepStart
from graph.api import errors
from graph.api.meaning import means_nothing
from graph.api.writing import (
    EngineInput,
    FailureInput,
    accepted,
    document,
    execution_key,
    failure,
    required_text,
    text,
)
from graph.arguments import given
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.enums import StepStatus
from graph.ids import Kind, decode_as
from graph.scalars import JSON, JSONObject
from graph.types.steps import Step
from graph.written import Written, written

MOST_DEPENDENCIES = 10_000


@strawberry.input(description="What is said of a step when it starts.")
class StepInput:
    """Columns of steps."""

    key: str = strawberry.field(description="Names the step within its workflow.")
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="The step's name for people; its key unless given."
    )
    type: str | None = strawberry.field(
        default=strawberry.UNSET, description="What kind of step it is; `task` unless given."
    )
    input: JSON | None = strawberry.field(default=strawberry.UNSET, description="What it is given.")
    depends_on: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing([]),
        description="The keys of the steps that come before it, each once: steps of the workflow's "
        "definition, or that have begun. As in a definition, there is no circle.",
    )


@strawberry.input(description="A step to start, or to try again.")
class StartStepInput(EngineInput, StepInput):
    """An attempt to be."""

    execution_id: strawberry.ID = strawberry.field(description="The execution that it belongs to.")


@strawberry.input(description="How an attempt ended.")
class FinishStepInput(EngineInput):
    """An attempt's end."""

    step_id: strawberry.ID = strawberry.field(description="Which attempt.")
    status: StepStatus = strawberry.field(
        default=StepStatus.COMPLETED, description="How it ended; RETRYING when it will be tried again."
    )
    output: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="What it came to; with COMPLETED only."
    )
    error: FailureInput | None = strawberry.field(
        default=strawberry.UNSET, description="What went wrong; with a bad end or RETRYING only."
    )
    metrics: JSONObject | None = strawberry.field(
        default=strawberry.UNSET, description="What was measured of it: CPU, memory, bytes."
    )


@strawberry.type(description="The attempt as it is now.")
class StepPayload(Written):
    """What starting and finishing answer."""

    step = written("step", Step, "The attempt.")


StartStepResult = Annotated[
    StepPayload | errors.Refused | errors.NotFound | errors.StaleLease | errors.InvalidTransition,
    strawberry.union("StartStepResult", description="The attempt, or why nothing changed."),
]
FinishStepResult = Annotated[
    StepPayload | errors.Refused | errors.NotFound | errors.StaleLease | errors.InvalidTransition,
    strawberry.union("FinishStepResult", description="The attempt, or why nothing changed."),
]


@strawberry.type
class StepMutations:
    """Part of the root."""

    @strawberry.mutation(
        description="Start a step, or another attempt at one that ended badly. One that runs stays as it is, "
        "and nothing else can be said of it.",
        directives=[WRITE],
    )
    async def start_step(
        self, info: Info, input: Annotated[StartStepInput, strawberry.argument(description="Which step.")]
    ) -> StartStepResult:
        """One row of steps."""
        write = accepted(info, "startStep", input)
        key = execution_key(input.execution_id)
        seq = await steps.start_step(info.context.database, key, write, step_start(info, input))
        return _payload(key, seq)

    @strawberry.mutation(
        description="End an attempt at a step, or mark it to be tried again. One that ended so already takes "
        "nothing else; `startStep` and `commitStep` make another attempt.",
        directives=[WRITE],
    )
    async def finish_step(
        self,
        info: Info,
        input: Annotated[FinishStepInput, strawberry.argument(description="Which, and how.")],
    ) -> FinishStepResult:
        """A guarded move."""
        write = accepted(info, "finishStep", input)
        key, *seq = decode_as(Kind.STEP, input.step_id)
        end = step_end(info, input.status, input.output, input.error, input.metrics)
        await steps.finish_step(info.context.database, key, seq[0], write, end)
        return _payload(key, seq[0])


def step_start(info: Info, value: StepInput) -> StepStart:
    """What `db` starts."""
    dependencies = given(value.depends_on) or []
    if len(dependencies) > MOST_DEPENDENCIES:
        raise InvalidInput(f"`dependsOn` can hold at most {MOST_DEPENDENCIES} keys.")
    return StepStart(
        key=required_text("key", value.key),
        name=text("name", value.name),
        type=text("type", value.type),
        input=document(info, "input", value.input),
        depends_on=dependencies,
    )


def step_end(
    info: Info,
    status: StepStatus,
    output: JSON | None,
    error: FailureInput | None,
    metrics: JSONObject | None,
) -> StepEnd:
    """What `db` ends."""
    measured = document(info, "metrics", metrics)
    return StepEnd(
        status=status,
        output=document(info, "output", output),
        error=failure(info, error),
        metrics=measured if isinstance(measured, dict) else None,
    )


def _payload(key: UUID, seq: int) -> StepPayload:
    return StepPayload(written={"step": {"execution_id": key, "seq": seq}})
