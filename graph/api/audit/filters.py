"""How audit entries are narrowed and ordered."""

from typing import Annotated

import strawberry

from db.queries import filters
from graph.api.conditions import TimeRangeInput, listed, time_range
from graph.arguments import given
from graph.connections import Listing
from graph.context import Info
from graph.enums import AuditOrderField, Direction
from graph.ids import decode


@strawberry.input(description="Which audit entries; every condition that is given must hold.")
class AuditFilter:
    type: list[str] | None = strawberry.field(default=strawberry.UNSET, description="One of these types.")
    actor: list[str] | None = strawberry.field(default=strawberry.UNSET, description="By one of these.")
    subject_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="About what has this id, which may be gone.",
    )
    at: TimeRangeInput | None = strawberry.field(default=strawberry.UNSET, description="When it happened.")


@strawberry.input(description="The order of a list of audit entries.")
class AuditOrder:
    """A field and a direction."""

    field: AuditOrderField = strawberry.field(default=AuditOrderField.AT, description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


async def _audit_filter(info: Info, value: AuditFilter | None) -> filters.AuditFilter:
    value = given(value)
    if value is None:
        return filters.AuditFilter()
    subject = given(value.subject_id)
    return filters.AuditFilter(
        types=listed("type", value.type),
        actors=listed("actor", value.actor),
        subject=None if subject is None else _subject(subject),
        happened=time_range(value.at),
    )


def _subject(value: str) -> tuple[str, str]:
    kind, key = decode(value)
    return kind.name, key[0].hex


AUDIT_LISTED = Listing(
    Annotated[AuditFilter | None, strawberry.argument(description="Which entries.")],
    Annotated[AuditOrder | None, strawberry.argument(description="The order; newest first by default.")],
    _audit_filter,
    ("AT", True),
)
