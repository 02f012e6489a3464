"""`startStep` and `finishStep`."""

from typing import Annotated
from uuid import UUID

import strawberry

from db.errors import InvalidInput
from db.writes import steps
from db.writes.steps import StepEnd, StepStart
from graph.api import errors
from graph.api.steps.inputs import FinishStepInput, StartStepInput, StepInput
from graph.api.steps.types import Step
from graph.api.writing import (
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
from graph.written import Written, written

MOST_DEPENDENCIES = 10_000


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
    @strawberry.mutation(
        description="Start a step, or another attempt at one that ended badly. One that runs stays as it is, "
        "and nothing else can be said of it.",
        directives=[WRITE],
    )
    async def start_step(
        self, info: Info, input: Annotated[StartStepInput, strawberry.argument(description="Which step.")]
    ) -> StartStepResult:
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
