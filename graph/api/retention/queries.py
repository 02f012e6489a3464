"""`retentionPolicies`, `retentionRuns`, `previewRetention`, `holds`."""

from typing import Annotated
from uuid import UUID

import strawberry

from db.queries.sources import ALL_HOLDS, ALL_POLICIES, ALL_RUNS
from db.retention.preview import preview
from db.retention.selection import Policy
from graph.api.retention.filters import HOLDS_LISTED, POLICIES_LISTED, RUNS_LISTED, RetentionPreviewBy
from graph.api.retention.inputs import inline_policy
from graph.api.retention.types import Hold, RetentionPolicy, RetentionPreview, RetentionRun
from graph.arguments import given
from graph.auth.scopes import ADMIN
from graph.connections import connection
from graph.context import Info
from graph.ids import Kind, decode_as
from graph.nodes import load_node

By = Annotated[
    RetentionPreviewBy | None,
    strawberry.argument(description="Which policy; without it, all that are enabled together."),
]


@strawberry.type
class RetentionQueries:
    retention_policies = connection(
        ALL_POLICIES, RetentionPolicy, POLICIES_LISTED, (), "What may go, and when.", scope=ADMIN
    )
    retention_runs = connection(
        ALL_RUNS, RetentionRun, RUNS_LISTED, (), "What has gone: the receipts.", scope=ADMIN
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


@strawberry.type
class HoldQueries:
    holds = connection(
        ALL_HOLDS,
        Hold,
        HOLDS_LISTED,
        (),
        "What is on hold: neither retention nor anybody deletes it. Holds that were released are only in "
        "`auditLog`.",
        scope=ADMIN,
    )
