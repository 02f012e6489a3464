"""Hold: what keeps retention and deletions off an execution, or off a workflow version and all of its."""

from collections.abc import Sequence
from datetime import datetime

import strawberry

from db.queries.pages import Row
from db.queries.sources import HOLDS
from graph.context import Info
from graph.ids import Kind, encode


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


async def load_holds(info: Info, rows: Sequence[Row]) -> list[Hold | None]:
    """The holds on the executions or workflow versions of these rows; None where there is none."""
    found = await info.context.loaders.fetch_rows(HOLDS, [(row["id"],) for row in rows])
    return [None if row is None else _hold(row) for row in found]
