"""What mutations of states and checkpoints take."""

import strawberry

from graph.api.meaning import NULL_CLEARS, means_nothing
from graph.api.writing import EngineInput, WriteInput
from graph.scalars import JSON, JSONObject, Long

_STEP_LIST = "Replaces the whole list, which costs what was added to it."


@strawberry.input(description="What a save changes; what is left out stays.")
class StateInput:
    """Variables, and the state's own fields."""

    variables: JSONObject | None = strawberry.field(
        default=strawberry.UNSET,
        description="All variables: one that is there but not given goes. Only what differs is written.",
    )
    variables_patch: JSONObject | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing({}),
        description="Changes to the variables, as a JSON merge patch (RFC 7396).",
    )
    variables_append: JSONObject | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=means_nothing({}),
        description="Items to append to variables that hold lists: `{key: [items]}`; costs what is appended.",
    )
    current_step: str | None = strawberry.field(
        default=strawberry.UNSET, metadata=NULL_CLEARS, description="The step that it is at; null for none."
    )
    completed_steps: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description=f"The keys of the steps that are done. {_STEP_LIST}"
    )
    failed_steps: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description=f"The keys of the steps that failed. {_STEP_LIST}"
    )
    skipped_steps: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description=f"The keys of the steps that were left out. {_STEP_LIST}"
    )
    parallel_groups: JSON | None = strawberry.field(
        default=strawberry.UNSET,
        metadata=NULL_CLEARS,
        description="The groups of steps that run side by side; null for none.",
    )
    expected_version: Long | None = strawberry.field(
        default=strawberry.UNSET,
        description="The version that the caller has seen: with any other nothing changes.",
    )


@strawberry.input(description="What to save of an execution's state.")
class SaveStateInput(EngineInput, StateInput):
    execution_id: strawberry.ID = strawberry.field(description="Whose state.")


@strawberry.input(description="What to keep beside a version of the state.")
class CheckpointInput:
    label: str | None = strawberry.field(default=strawberry.UNSET, description="Its name for people.")
    data: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="What the engine keeps beside the state."
    )


@strawberry.input(description="A checkpoint to be, of the state as it stands now.")
class CreateCheckpointInput(EngineInput, CheckpointInput):
    execution_id: strawberry.ID = strawberry.field(description="Whose state.")
    step_key: str | None = strawberry.field(
        default=strawberry.UNSET, description="The step that it is taken at."
    )


@strawberry.input(description="A checkpoint to delete; not the head, and not the base of a fork.")
class DeleteCheckpointInput(WriteInput):
    checkpoint_id: strawberry.ID = strawberry.field(description="Which one.")


@strawberry.input(description="How many checkpoints of an execution to keep.")
class PruneCheckpointsInput(WriteInput):
    execution_id: strawberry.ID = strawberry.field(description="Whose checkpoints.")
    keep_last: int = strawberry.field(
        description="How many of the newest stay; the head and the bases of forks always do."
    )
    dry_run: bool = strawberry.field(default=False, description="Only tell what would go.")


@strawberry.input(description="States to save, of any executions.")
class SaveStatesInput:
    saves: list[SaveStateInput] = strawberry.field(
        description="The saves; those to one execution are made in their order."
    )
