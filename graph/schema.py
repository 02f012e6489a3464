"""The schema: every type and the scalars, and its text."""

import strawberry
from graphql.type import GraphQLOneOfDirective
from strawberry.schema.config import StrawberryConfig

from graph.api.errors import HANDLERS
from graph.mutations.bulk import BulkMutations
from graph.mutations.executions import ExecutionMutations
from graph.mutations.holds import HoldMutations
from graph.mutations.leases import LeaseMutations
from graph.mutations.records import RecordMutations
from graph.mutations.retention import RetentionMutations
from graph.mutations.states import StateMutations
from graph.mutations.steps import StepMutations
from graph.mutations.tokens import TokenMutations
from graph.mutations.workflows import WorkflowMutations
from graph.queries.audit import AuditQueries
from graph.queries.executions import ExecutionQueries
from graph.queries.health import HealthQueries
from graph.queries.holds import HoldQueries
from graph.queries.nodes import NodeQueries
from graph.queries.retention import RetentionQueries
from graph.queries.statistics import StatisticsQueries
from graph.queries.tokens import TokenQueries
from graph.queries.viewer import ViewerQueries
from graph.queries.workflows import WorkflowQueries
from graph.scalars import SCALARS
from graph.subscriptions.executions import Subscription
from graph.types.records import MetricPoint


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
    StateMutations,
    RecordMutations,
    BulkMutations,
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
schema._schema.description = (
    "The system of record of workflow engines: definitions, executions, steps, states, checkpoints, logs and "
    "metrics, written by mutations and read as nested lists."
)
_ONE_OF = "directive @oneOf on INPUT_OBJECT"


def as_text() -> str:
    """The schema as text, with the descriptions that Strawberry's printer leaves out."""
    roots = "\n".join(f"  {kind}: {kind.capitalize()}" for kind in ("query", "mutation", "subscription"))
    described = f'"""{schema._schema.description}"""\nschema {{\n{roots}\n}}\n\n'
    one_of = f'"""{GraphQLOneOfDirective.description}"""\n{_ONE_OF}'
    return f"{described}{schema.as_str().rstrip()}\n".replace(_ONE_OF, one_of, 1)
