"""`placeHold`, `releaseHold`."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db.enums import Subject
from db.errors import InvalidInput, NotFound
from db.writes import holds
from graph.auth.scopes import ADMIN
from graph.context import Info
from graph.ids import decode
from graph.inputs.writing import WriteInput, accepted, required_text
from graph.loaded import loaded
from graph.types.errors import Refused
from graph.types.holds import Hold, load_holds


@strawberry.input(description="What to put on hold, and why.")
class PlaceHoldInput(WriteInput):
    """A row of holds."""

    subject_id: strawberry.ID = strawberry.field(description="An execution, or a workflow version.")
    reason: str = strawberry.field(description="Why; shown to who would delete it.")


@strawberry.input(description="What to release.")
class ReleaseHoldInput(WriteInput):
    """The end of a hold."""

    subject_id: strawberry.ID = strawberry.field(description="The execution or workflow version on hold.")


async def _placed(info: Info, payloads: Sequence["PlaceHoldPayload"]) -> list[Hold | NotFound]:
    found: Any = await load_holds(info, [payload.row for payload in payloads])
    return [
        NotFound("hold", f"on {payload.subject_id}") if hold is None else hold  # released meanwhile
        for payload, hold in zip(payloads, found, strict=True)
    ]


@strawberry.type(description="The hold.")
class PlaceHoldPayload:
    """What placing answers."""

    row: strawberry.Private[dict[str, UUID]]
    subject_id: strawberry.Private[str]
    hold = loaded(_placed, Hold, "The hold.", scope=ADMIN)


@strawberry.type(description="What is on hold no more.")
class ReleaseHoldPayload:
    """What releasing answers."""

    released_id: strawberry.ID = strawberry.field(description="The execution or workflow version.")


PlaceHoldResult = Annotated[
    PlaceHoldPayload | Refused,
    strawberry.union("PlaceHoldResult", description="The hold, or why there is none."),
]
ReleaseHoldResult = Annotated[
    ReleaseHoldPayload | Refused,
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
        return PlaceHoldPayload(row={"id": key}, subject_id=input.subject_id)

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
