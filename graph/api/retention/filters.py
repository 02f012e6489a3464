"""How policies, runs and holds are narrowed and ordered, and what can be previewed."""

from typing import Annotated
from uuid import UUID

import strawberry

from db.queries import filters
from graph.api.conditions import NameFilter, TimeRangeInput, listed, name_or_prefix, time_range
from graph.api.retention.inputs import RetentionRule
from graph.arguments import given
from graph.connections import Listing
from graph.context import Info
from graph.enums import Direction, HoldOrderField, PolicyOrderField, RunOrderField, RunStatus, Subject
from graph.ids import Kind, decode_as


@strawberry.input(description="Which retention policies; every condition that is given must hold.")
class RetentionPolicyFilter:
    name: NameFilter | None = strawberry.field(
        default=strawberry.UNSET, description="The name, or how it begins."
    )
    enabled: bool | None = strawberry.field(default=strawberry.UNSET, description="Whether it is enabled.")


@strawberry.input(description="The order of a list of retention policies.")
class RetentionPolicyOrder:
    """A field and a direction."""

    field: PolicyOrderField = strawberry.field(
        default=PolicyOrderField.CREATED_AT, description="What to order by."
    )
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


@strawberry.input(description="Which runs; every condition that is given must hold.")
class RetentionRunFilter:
    status: list[RunStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="One of these statuses."
    )


@strawberry.input(description="The order of a list of runs.")
class RetentionRunOrder:
    """A field and a direction."""

    field: RunOrderField = strawberry.field(default=RunOrderField.STARTED_AT, description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")


@strawberry.input(description="What to preview: exactly one of the two.", one_of=True)
class RetentionPreviewBy:
    """A policy that is there, or one that is not."""

    policy_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="A policy that is there, enabled or not."
    )
    rule: RetentionRule | None = strawberry.field(
        default=strawberry.UNSET, description="What a policy could say."
    )


async def _policy_filter(info: Info, value: RetentionPolicyFilter | None) -> filters.PolicyFilter:
    value = given(value)
    if value is None:
        return filters.PolicyFilter()
    name, prefix = name_or_prefix(value.name)
    return filters.PolicyFilter(name, prefix, given(value.enabled))


async def _run_filter(info: Info, value: RetentionRunFilter | None) -> filters.RunFilter:
    value = given(value)
    return filters.RunFilter() if value is None else filters.RunFilter(listed("status", value.status))


POLICIES_LISTED = Listing(
    Annotated[RetentionPolicyFilter | None, strawberry.argument(description="Which policies.")],
    Annotated[
        RetentionPolicyOrder | None, strawberry.argument(description="The order; newest first by default.")
    ],
    _policy_filter,
    ("CREATED_AT", True),
)


RUNS_LISTED = Listing(
    Annotated[RetentionRunFilter | None, strawberry.argument(description="Which runs.")],
    Annotated[
        RetentionRunOrder | None, strawberry.argument(description="The order; newest first by default.")
    ],
    _run_filter,
    ("STARTED_AT", True),
)


@strawberry.input(description="Which holds; every condition that is given must hold.")
class HoldFilter:
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


HOLDS_LISTED = Listing(
    Annotated[HoldFilter | None, strawberry.argument(description="Which holds.")],
    Annotated[HoldOrder | None, strawberry.argument(description="The order; newest first by default.")],
    _hold_filter,
    ("PLACED_AT", True),
)
