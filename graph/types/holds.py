"""Hold: what keeps retention and deletions off an execution, or off a workflow version and all of its."""

from datetime import datetime
from uuid import UUID

import strawberry

from db.queries.pages import Row
from db.queries.sources import HOLDS
from graph.context import Info
from graph.ids import Kind, encode
from graph.nodes import load_optional, shown_as


@strawberry.type(description="A hold: what it is on can neither be deleted nor go by itself.")
class Hold:
    """A row of holds."""

    subject_id: strawberry.ID = strawberry.field(description="The execution or workflow version.")
    reason: str = strawberry.field(description="Why.")
    placed_by: str = strawberry.field(description="Who placed it.")
    placed_at: datetime = strawberry.field(description="When it was placed.")


def _hold(row: Row) -> Hold:
    return Hold(
        subject_id=strawberry.ID(encode(Kind[row["subject_type"]], row["subject_id"])),
        reason=row["reason"],
        placed_by=row["placed_by"],
        placed_at=row["placed_at"],
    )


shown_as(HOLDS, _hold)


async def load_hold(info: Info, key: UUID) -> Hold | None:
    """The hold on what has this key; None where there is none."""
    hold: Hold | None = await load_optional(info, HOLDS, (key,))
    return hold
