"""Workflow: one version of a definition, and what ran of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self

import orjson
import strawberry

from db.queries.pages import Row
from db.queries.sources import EXECUTIONS_OF_WORKFLOW, HOLDS, VERSIONS_OF_WORKFLOW, WORKFLOWS
from graph.api.executions.filters import EXECUTIONS_LISTED
from graph.api.retention.types import Hold
from graph.api.statistics.filters import Bucket, GroupBy, Which
from graph.api.statistics.types import ExecutionStatistics, execution_statistics
from graph.api.workflows.filters import WORKFLOWS_LISTED
from graph.auth.scopes import READ
from graph.connections import connection
from graph.context import Info
from graph.enums import Environment, Priority, WorkflowStatus
from graph.ids import Kind
from graph.loaded import loaded, reference
from graph.nodes import Node, node_of
from graph.scalars import JSONObject, Long

if TYPE_CHECKING:
    from graph.api.executions.types import Execution

_EXECUTION = Annotated["Execution", strawberry.lazy("graph.api.executions.types")]
_WORKFLOW = Annotated["Workflow", strawberry.lazy("graph.api.workflows.types")]


@strawberry.type(description="A step as a workflow's definition has it, whether or not it ever ran.")
class DefinedStep:
    """What every engine's definitions have in common."""

    key: str = strawberry.field(description="Names the step within its workflow.")
    name: str | None = strawberry.field(description="Its name for people, where the definition has one.")
    type: str | None = strawberry.field(description="What kind of step it is, where the definition says so.")
    depends_on: list[str] = strawberry.field(description="The keys of the steps that come before it.")

    @classmethod
    def of(cls, step: dict[str, Any]) -> Self:
        """A step of a valid definition; what is not text there is the engine's own affair."""
        name, kind = (value if isinstance(value := step.get(key), str) else None for key in ("name", "type"))
        return cls(key=step["key"], name=name, type=kind, depends_on=step.get("dependsOn", []))


async def _statistics(
    info: Info,
    rows: Sequence[Row],
    filter: Which = strawberry.UNSET,
    group_by: GroupBy = strawberry.UNSET,
    bucket: Bucket = strawberry.UNSET,
) -> list[ExecutionStatistics]:
    return await execution_statistics(info, [row["id"] for row in rows], filter, group_by, bucket)


@node_of(Kind.WORKFLOW, WORKFLOWS)
@strawberry.type(description="One version of a workflow: a definition and its metadata.")
class Workflow(Node):
    name: str = strawberry.field(description="The name that all versions share.")
    version: str = strawberry.field(description="The version, unique for the name.")
    status: WorkflowStatus = strawberry.field(description="Where it stands in its life.")
    definition: JSONObject = strawberry.field(
        directives=[READ], description="The definition, as it was given."
    )
    description: str | None = strawberry.field(directives=[READ], description="What it is for.")
    tags: list[str] = strawberry.field(directives=[READ], description="Free words to find it by.")
    category: str | None = strawberry.field(directives=[READ], description="What kind of workflow it is.")
    priority: Priority = strawberry.field(directives=[READ], description="How urgent it is.")
    environment: Environment = strawberry.field(directives=[READ], description="Where it belongs.")
    estimated_duration: timedelta | None = strawberry.field(
        directives=[READ], description="How long one execution should take."
    )
    created_by: str = strawberry.field(directives=[READ], description="Who created it.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When its metadata last changed.")
    revision: Long = strawberry.field(description="Counts the changes of its metadata, from 1.")

    executions = connection(
        EXECUTIONS_OF_WORKFLOW,
        _EXECUTION,
        EXECUTIONS_LISTED,
        ("id",),
        "Its executions.",
    )
    versions = connection(
        VERSIONS_OF_WORKFLOW,
        _WORKFLOW,
        WORKFLOWS_LISTED,
        ("name",),
        "All versions with this name, itself among them.",
    )

    @strawberry.field(
        description="The steps of its definition, in their order; none where it has no `steps`.",
        directives=[READ],
    )
    def steps(self) -> list[DefinedStep]:
        return [DefinedStep.of(step) for step in orjson.loads(self.row["definition"]).get("steps", [])]

    hold = reference(
        HOLDS, ("id",), Hold | None, "The hold on it and on all its executions; null where there is none."
    )
    stats = loaded(
        _statistics, ExecutionStatistics, "Its executions in numbers, as `executionStats` has them.", "id"
    )
