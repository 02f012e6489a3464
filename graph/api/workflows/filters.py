"""How lists of workflows are narrowed and ordered."""

from typing import Annotated

import strawberry

from db.queries import filters
from graph.api.conditions import (
    NameFilter,
    TagsFilter,
    TimeRangeInput,
    listed,
    name_or_prefix,
    tags,
    time_range,
)
from graph.arguments import given
from graph.connections import Listing
from graph.context import Info
from graph.enums import Direction, Environment, Priority, WorkflowOrderField, WorkflowStatus


@strawberry.input(description="Which workflows; every condition that is given must hold.")
class WorkflowFilter:
    name: NameFilter | None = strawberry.field(default=strawberry.UNSET, description="Its name.")
    status: list[WorkflowStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="One of these statuses."
    )
    category: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="One of these categories."
    )
    priority: list[Priority] | None = strawberry.field(
        default=strawberry.UNSET, description="One of these priorities."
    )
    environment: list[Environment] | None = strawberry.field(
        default=strawberry.UNSET, description="One of these environments."
    )
    tags: TagsFilter | None = strawberry.field(default=strawberry.UNSET, description="Its tags.")
    created_at: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When it was created."
    )
    updated_at: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When its metadata last changed."
    )


@strawberry.input(description="The order of a list of workflows.")
class WorkflowOrder:
    """A field and a direction."""

    field: WorkflowOrderField = strawberry.field(description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


async def _workflow_filter(info: Info, value: WorkflowFilter | None) -> filters.WorkflowFilter:
    """What `db` narrows by."""
    value = given(value)
    if value is None:
        return filters.WorkflowFilter()
    name, prefix = name_or_prefix(value.name)
    return filters.WorkflowFilter(
        name=name,
        name_prefix=prefix,
        statuses=listed("status", value.status),
        categories=listed("category", value.category),
        priorities=listed("priority", value.priority),
        environments=listed("environment", value.environment),
        created=time_range(value.created_at),
        updated=time_range(value.updated_at),
        **tags(value.tags),
    )


WORKFLOWS_LISTED = Listing(
    Annotated[WorkflowFilter | None, strawberry.argument(description="Which workflows.")],
    Annotated[WorkflowOrder | None, strawberry.argument(description="The order; newest first by default.")],
    _workflow_filter,
    ("CREATED_AT", True),
)


@strawberry.input(description="A workflow's name and version.")
class WorkflowNameVersion:
    name: str = strawberry.field(description="The name.")
    version: str = strawberry.field(description="The version.")


@strawberry.input(description="Which workflow: exactly one of the three.", one_of=True)
class WorkflowBy:
    """By id, by name or by name and version."""

    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="By its id.")
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="By its name: the version that was created last."
    )
    name_version: WorkflowNameVersion | None = strawberry.field(
        default=strawberry.UNSET, description="By its name and version."
    )
