"""`holds`."""

from typing import Annotated
from uuid import UUID

import strawberry

from db.queries import filters
from db.queries.sources import ALL_HOLDS
from graph.api.conditions import TimeRangeInput, listed, time_range
from graph.arguments import given
from graph.auth.scopes import ADMIN
from graph.connections import Listing, connection
from graph.context import Info
from graph.enums import Direction, HoldOrderField, Subject
from graph.ids import Kind, decode_as
from graph.types.holds import Hold


@strawberry.input(description="Which holds; every condition that is given must hold.")
class HoldFilter:
    """Conditions on holds."""

    subject_type: Subject | None = strawberry.field(
        default=strawberry.UNSET, description="On an execution, or on a workflow version."
    )
    execution_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="On this execution itself."
    )
    workflow_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="On this workflow version, or on one of its executions."
    )
    placed_by: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Placed by one of these."
    )
    placed_at: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When it was placed."
    )


@strawberry.input(description="The order of a list of holds.")
class HoldOrder:
    """A field and a direction."""

    field: HoldOrderField = strawberry.field(
        default=HoldOrderField.PLACED_AT, description="What to order by."
    )
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


async def _hold_filter(info: Info, value: HoldFilter | None) -> filters.HoldFilter:
    value = given(value)
    if value is None:
        return filters.HoldFilter()
    subject_type = given(value.subject_type)
    return filters.HoldFilter(
        subject_type=None if subject_type is None else subject_type.value,
        subject=_key(Kind.EXECUTION, value.execution_id),
        workflow_id=_key(Kind.WORKFLOW, value.workflow_id),
        placed_by=listed("placedBy", value.placed_by),
        placed=time_range(value.placed_at),
    )


def _key(kind: Kind, value: strawberry.ID | None) -> UUID | None:
    text = given(value)
    return None if text is None else decode_as(kind, text)[0]


_LISTED = Listing(
    Annotated[HoldFilter | None, strawberry.argument(description="Which holds.")],
    Annotated[HoldOrder | None, strawberry.argument(description="The order; newest first by default.")],
    _hold_filter,
    ("PLACED_AT", True),
)


@strawberry.type
class HoldQueries:
    """Part of the root."""

    holds = connection(
        ALL_HOLDS,
        Hold,
        _LISTED,
        (),
        "What is on hold: neither retention nor anybody deletes it. Holds that were released are only in "
        "`auditLog`.",
        scope=ADMIN,
    )
