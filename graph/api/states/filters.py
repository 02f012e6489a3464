"""How checkpoints and the history of a variable are narrowed and ordered."""

from typing import Annotated

import strawberry

from db.queries import filters
from db.queries.filters import HistoryFilter
from graph.api.conditions import listed
from graph.api.records.filters import SeqOrder, recorded
from graph.arguments import given
from graph.connections import Listing
from graph.context import Info
from graph.enums import Direction, VersionOrderField


@strawberry.input(description="Which checkpoints; every condition that is given must hold.")
class CheckpointFilter:
    step_key: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Taken at one of these steps."
    )
    label: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="With one of these labels."
    )


async def _checkpoint_filter(info: Info, value: CheckpointFilter | None) -> filters.CheckpointFilter:
    """What `db` narrows by."""
    value = given(value)
    if value is None:
        return filters.CheckpointFilter()
    return filters.CheckpointFilter(
        step_keys=listed("stepKey", value.step_key), labels=listed("label", value.label)
    )


CHECKPOINTS_LISTED = recorded("checkpoints", CheckpointFilter, SeqOrder, _checkpoint_filter)


@strawberry.input(description="The order of a variable's history.")
class VersionOrder:
    """A field and a direction."""

    field: VersionOrderField = strawberry.field(
        default=VersionOrderField.VERSION, description="What to order by."
    )
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


VersionsOrdered = Annotated[
    VersionOrder | None, strawberry.argument(description="In which order; oldest first by default.")
]


async def _every_version(info: Info, value: None) -> HistoryFilter:
    return HistoryFilter()


HISTORY_LISTED = Listing(None, VersionsOrdered, _every_version, ("VERSION", False))
