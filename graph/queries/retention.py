"""`retentionPolicies`, `retentionRuns`, `previewRetention`."""

from typing import Annotated
from uuid import UUID

import strawberry

from db.queries import filters
from db.queries.sources import ALL_POLICIES, ALL_RUNS
from db.retention.policies import Policy
from db.retention.preview import preview
from graph.api.conditions import NameFilter, listed, name_or_prefix
from graph.arguments import given
from graph.auth.scopes import ADMIN
from graph.connections import Listing, connection
from graph.context import Info
from graph.enums import Direction, PolicyOrderField, RunOrderField, RunStatus
from graph.ids import Kind, decode_as
from graph.inputs.retention import RetentionRule, inline_policy
from graph.nodes import load_node
from graph.types.retention import RetentionPolicy, RetentionPreview, RetentionRun


@strawberry.input(description="Which retention policies; every condition that is given must hold.")
class RetentionPolicyFilter:
    """Conditions on policies."""

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
    """Conditions on runs."""

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


_POLICIES_LISTED = Listing(
    Annotated[RetentionPolicyFilter | None, strawberry.argument(description="Which policies.")],
    Annotated[
        RetentionPolicyOrder | None, strawberry.argument(description="The order; newest first by default.")
    ],
    _policy_filter,
    ("CREATED_AT", True),
)
_RUNS_LISTED = Listing(
    Annotated[RetentionRunFilter | None, strawberry.argument(description="Which runs.")],
    Annotated[
        RetentionRunOrder | None, strawberry.argument(description="The order; newest first by default.")
    ],
    _run_filter,
    ("STARTED_AT", True),
)
By = Annotated[
    RetentionPreviewBy | None,
    strawberry.argument(description="Which policy; without it, all that are enabled together."),
]


@strawberry.type
class RetentionQueries:
    """Part of the root."""

    retention_policies = connection(
        ALL_POLICIES, RetentionPolicy, _POLICIES_LISTED, (), "What may go, and when.", scope=ADMIN
    )
    retention_runs = connection(
        ALL_RUNS, RetentionRun, _RUNS_LISTED, (), "What has gone: the receipts.", scope=ADMIN
    )

    @strawberry.field(description="What policies would take now; nothing changes.", directives=[ADMIN])
    async def preview_retention(self, info: Info, by: By = strawberry.UNSET) -> RetentionPreview | None:
        """A few statements, of which the first two look at every execution that is old enough."""
        return RetentionPreview.of(await preview(info.context.database, await _chosen(info, given(by))))


async def _chosen(info: Info, by: RetentionPreviewBy | None) -> UUID | Policy | None:
    if by is None:
        return None
    rule = given(by.rule)
    if rule is not None:
        return inline_policy(rule)
    key = decode_as(Kind.POLICY, by.policy_id or "")
    await load_node(info, Kind.POLICY, key)
    return key[0]
