"""What mutations of steps take."""

import strawberry

from graph.api.meaning import means_nothing
from graph.api.records.inputs import LogEntryInput
from graph.api.states.inputs import CheckpointInput, StateInput
from graph.api.writing import EngineInput, FailureInput
from graph.enums import StepStatus
from graph.scalars import JSON, JSONObject


@strawberry.input(description="What is said of a step when it starts.")
class StepInput:
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
    execution_id: strawberry.ID = strawberry.field(description="The execution that it belongs to.")


@strawberry.input(description="How an attempt ended.")
class FinishStepInput(EngineInput):
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


@strawberry.input(description="Outcomes of steps to commit, of any executions.")
class CommitStepsInput:
    commits: list[CommitStepInput] = strawberry.field(
        description="The commits; those to one execution are made in their order."
    )
