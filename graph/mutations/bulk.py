"""`commitSteps`, `saveStates` and `heartbeats`: many writes in one call, each answered for itself."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import strawberry

from graph.api.errors import Error, answered
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.mutations.leases import HeartbeatResult, LeaseInput, LeasePayload, beat
from graph.mutations.records import CommitStepInput, CommitStepPayload, CommitStepResult, commit
from graph.mutations.states import SaveStateInput, SaveStatePayload, SaveStateResult, save

T = TypeVar("T")
P = TypeVar("P")

_EACH = "one for each, in their order; one that is refused hurts no other"


@strawberry.input(description="Outcomes of steps to commit, of any executions.")
class CommitStepsInput:
    """Commits."""

    commits: list[CommitStepInput] = strawberry.field(
        description="The commits; those to one execution are made in their order."
    )


@strawberry.input(description="States to save, of any executions.")
class SaveStatesInput:
    """Saves."""

    saves: list[SaveStateInput] = strawberry.field(
        description="The saves; those to one execution are made in their order."
    )


@strawberry.input(description="Leases to extend.")
class HeartbeatsInput:
    """Heartbeats."""

    heartbeats: list[LeaseInput] = strawberry.field(description="The leases, each with its holder.")


@strawberry.type(description="What became of each commit.")
class CommitStepsPayload:
    """What many commits answer."""

    results: list[CommitStepResult] = strawberry.field(description=f"As of `commitStep`: {_EACH}.")


@strawberry.type(description="What became of each save.")
class SaveStatesPayload:
    """What many saves answer."""

    results: list[SaveStateResult] = strawberry.field(description=f"As of `saveState`: {_EACH}.")


@strawberry.type(description="What became of each heartbeat.")
class HeartbeatsPayload:
    """What many heartbeats answer."""

    results: list[HeartbeatResult] = strawberry.field(description=f"As of `heartbeat`: {_EACH}.")


@strawberry.type
class BulkMutations:
    """Writes to many executions, or many to one."""

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
        results: list[CommitStepPayload | Error] = await _each(info, commit, input.commits)
        return CommitStepsPayload(results=results)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Save many states. Each is all or nothing by itself, with its own epoch, expected "
        "version and idempotency key, as by `saveState`.",
        directives=[WRITE],
    )
    async def save_states(
        self, info: Info, input: Annotated[SaveStatesInput, strawberry.argument(description="The saves.")]
    ) -> SaveStatesPayload:
        """One request to the writer for each."""
        results: list[SaveStatePayload | Error] = await _each(info, save, input.saves)
        return SaveStatesPayload(results=results)  # type: ignore[arg-type]

    @strawberry.mutation(
        description="Extend many leases, as by `heartbeat`: how an engine says that it and all that it runs "
        "are alive.",
        directives=[WRITE],
    )
    async def heartbeats(
        self, info: Info, input: Annotated[HeartbeatsInput, strawberry.argument(description="The leases.")]
    ) -> HeartbeatsPayload:
        """One request to the writer for each."""
        results: list[LeasePayload | Error] = await _each(info, beat, input.heartbeats)
        return HeartbeatsPayload(results=results)  # type: ignore[arg-type]


async def _each(info: Info, make: Callable[[Info, T], Awaitable[P]], items: Sequence[T]) -> list[P | Error]:
    """What becomes of each item. They reach the writer in their order, before it begins its next batch."""
    return list(await gather(*(answered(info, make(info, item)) for item in items)))
