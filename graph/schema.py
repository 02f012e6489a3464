"""The schema: every type and the scalars, and its text."""

import strawberry
from graphql.type import GraphQLOneOfDirective
from strawberry.schema.config import StrawberryConfig

from graph.api.audit.queries import AuditQueries
from graph.api.errors import HANDLERS
from graph.api.executions.leases import LeaseMutations
from graph.api.executions.mutations import ExecutionMutations
from graph.api.executions.queries import ExecutionQueries
from graph.api.executions.subscriptions import Subscription
from graph.api.health.queries import HealthQueries
from graph.api.nodes import NodeQueries
from graph.api.records.mutations import RecordMutations
from graph.api.records.types import MetricPoint
from graph.api.retention.mutations import HoldMutations, RetentionMutations
from graph.api.retention.queries import HoldQueries, RetentionQueries
from graph.api.states.mutations import StateMutations
from graph.api.statistics.queries import StatisticsQueries
from graph.api.steps.commits import CommitMutations
from graph.api.steps.mutations import StepMutations
from graph.api.tokens.mutations import TokenMutations
from graph.api.tokens.queries import TokenQueries
from graph.api.viewer.queries import ViewerQueries
from graph.api.workflows.mutations import WorkflowMutations
from graph.api.workflows.queries import WorkflowQueries
from graph.private import core_schema
from graph.scalars import SCALARS


@strawberry.type(description="Everything that can be read.")
class Query(
    NodeQueries,
    WorkflowQueries,
    ExecutionQueries,
    StatisticsQueries,
    AuditQueries,
    TokenQueries,
    RetentionQueries,
    HoldQueries,
    HealthQueries,
    ViewerQueries,
):
    """The root, put together from the aggregates' own."""


@strawberry.type(description="Everything that can be written: each field is one transaction.")
class Mutation(
    WorkflowMutations,
    ExecutionMutations,
    LeaseMutations,
    StepMutations,
    CommitMutations,
    StateMutations,
    RecordMutations,
    TokenMutations,
    RetentionMutations,
    HoldMutations,
):
    """The root, put together from the aggregates' own."""


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[MetricPoint],
    exception_handlers=HANDLERS,
    config=StrawberryConfig(scalar_map=SCALARS),
)
# Strawberry takes no description of a schema.
core = core_schema(schema)
core.description = (
    "The system of record of workflow engines: definitions, executions, steps, states, checkpoints, logs and "
    "metrics, written by mutations and read as nested lists."
)
_ONE_OF = "directive @oneOf on INPUT_OBJECT"


def as_text() -> str:
    """The schema as text, with the descriptions that Strawberry's printer leaves out."""
    roots = "\n".join(f"  {kind}: {kind.capitalize()}" for kind in ("query", "mutation", "subscription"))
    described = f'"""{core.description}"""\nschema {{\n{roots}\n}}\n\n'
    one_of = f'"""{GraphQLOneOfDirective.description}"""\n{_ONE_OF}'
    return f"{described}{schema.as_str().rstrip()}\n".replace(_ONE_OF, one_of, 1)
