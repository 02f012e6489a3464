"""`commitStep` and `commitSteps`: whole outcomes of steps."""

from typing import Annotated

import strawberry

from db.writes import commits
from db.writes.commits import CheckpointWish, StepCommit
from db.writes.records import LogLine
from graph.api import errors
from graph.api.bulk import EACH, each
from graph.api.errors import Error
from graph.api.records.mutations import log_lines
from graph.api.states.checkpoints import Checkpoint
from graph.api.states.mutations import load_states, state_change, state_written
from graph.api.states.types import ExecutionState
from graph.api.steps.inputs import CommitStepInput, CommitStepsInput
from graph.api.steps.mutations import step_end, step_start
from graph.api.steps.types import Step
from graph.api.writing import accepted, document, execution_key, text
from graph.arguments import given
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.written import Written, written, written_by


@strawberry.type(description="What was committed.")
class CommitStepPayload(Written):
    step = written("step", Step, "The attempt.")
    state = written_by("state", load_states, ExecutionState, "The state at the version after the commit.")
    checkpoint = written("checkpoint", Checkpoint, "The checkpoint, where one was taken.", optional=True)


CommitStepResult = Annotated[
    CommitStepPayload
    | errors.Refused
    | errors.NotFound
    | errors.VersionConflict
    | errors.StaleLease
    | errors.InvalidTransition,
    strawberry.union("CommitStepResult", description="What was committed, or why nothing was."),
]


@strawberry.type(description="What became of each commit.")
class CommitStepsPayload:
    results: list[CommitStepResult] = strawberry.field(description=f"As of `commitStep`: {EACH}.")


@strawberry.type
class CommitMutations:
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

    @strawberry.mutation(
        description="Commit the outcomes of many steps. Each is all or nothing by itself, with its own epoch "
        "and idempotency key, as by `commitStep`.",
        directives=[WRITE],
    )
    async def commit_steps(
        self,
        info: Info,
        input: Annotated[CommitStepsInput, strawberry.argument(description="The outcomes.")],
    ) -> CommitStepsPayload:
        """One request to the writer for each."""
        results: list[CommitStepPayload | Error] = await each(info, commit, input.commits)
        return CommitStepsPayload(results=results)  # type: ignore[arg-type]


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
