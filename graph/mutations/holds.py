"""`placeHold`, `releaseHold`."""

from typing import Annotated
from uuid import UUID

import strawberry

from db.enums import Subject
from db.errors import InvalidInput
from db.writes import holds
from graph.api import errors
from graph.api.writing import WriteInput, accepted, required_text
from graph.auth.scopes import ADMIN
from graph.context import Info
from graph.ids import decode
from graph.types.holds import Hold
from graph.written import Written, written


@strawberry.input(description="What to put on hold, and why.")
class PlaceHoldInput(WriteInput):
    """A row of holds."""

    subject_id: strawberry.ID = strawberry.field(description="An execution, or a workflow version.")
    reason: str = strawberry.field(description="Why; shown to who would delete it.")


@strawberry.input(description="What to release.")
class ReleaseHoldInput(WriteInput):
    """The end of a hold."""

    subject_id: strawberry.ID = strawberry.field(description="The execution or workflow version on hold.")


@strawberry.type(description="The hold.")
class PlaceHoldPayload(Written):
    """What placing answers."""

    hold = written("hold", Hold, "The hold.", scope=ADMIN)


@strawberry.type(description="What is on hold no more.")
class ReleaseHoldPayload:
    """What releasing answers."""

    released_id: strawberry.ID = strawberry.field(description="The execution or workflow version.")


PlaceHoldResult = Annotated[
    PlaceHoldPayload | errors.Refused | errors.NotFound | errors.AlreadyExists,
    strawberry.union("PlaceHoldResult", description="The hold, or why there is none."),
]
ReleaseHoldResult = Annotated[
    ReleaseHoldPayload | errors.Refused | errors.NotFound,
    strawberry.union("ReleaseHoldResult", description="What was released, or why nothing was."),
]


@strawberry.type
class HoldMutations:
    """Part of the root."""

    @strawberry.mutation(
        description="Put an execution, or a workflow version with all its executions, on hold: neither "
        "retention nor anybody deletes them until it is released. Once this is answered nothing of them goes "
        "any more.",
        directives=[ADMIN],
    )
    async def place_hold(
        self, info: Info, input: Annotated[PlaceHoldInput, strawberry.argument(description="What, and why.")]
    ) -> PlaceHoldResult:
        """One row of holds."""
        write = accepted(info, "placeHold", input)
        subject, key = _subject(input.subject_id)
        reason = required_text("reason", input.reason)
        await holds.place_hold(info.context.database, write, subject, key, reason)
        return PlaceHoldPayload(written={"hold": {"subject_id": key}})

    @strawberry.mutation(description="End a hold.", directives=[ADMIN])
    async def release_hold(
        self, info: Info, input: Annotated[ReleaseHoldInput, strawberry.argument(description="Which one.")]
    ) -> ReleaseHoldResult:
        """One row less."""
        write = accepted(info, "releaseHold", input)
        await holds.release_hold(info.context.database, write, *_subject(input.subject_id))
        return ReleaseHoldPayload(released_id=input.subject_id)


def _subject(text: str) -> tuple[Subject, UUID]:
    kind, key = decode(text)
    if kind.name not in Subject.__members__:
        raise InvalidInput(f"A hold is on an execution or a workflow version, not on a {kind.noun}.")
    return Subject[kind.name], key[0]
