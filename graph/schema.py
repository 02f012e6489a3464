"""The schema: every type, the scalars, and what runs around an operation."""

import strawberry
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from graph.errors import CodedSchema, ValidationCodes
from graph.mutations.executions import ExecutionMutations
from graph.mutations.leases import LeaseMutations
from graph.mutations.records import RecordMutations
from graph.mutations.states import StateMutations
from graph.mutations.steps import StepMutations
from graph.mutations.workflows import WorkflowMutations
from graph.queries.audit import AuditQueries
from graph.queries.executions import ExecutionQueries
from graph.queries.health import HealthQueries
from graph.queries.nodes import NodeQueries
from graph.queries.workflows import WorkflowQueries
from graph.scalars import SCALARS
from graph.types.errors import HANDLERS
from graph.types.records import MetricPoint

_CACHED_DOCUMENTS = 1000


@strawberry.type(description="Everything that can be read.")
class Query(NodeQueries, WorkflowQueries, ExecutionQueries, AuditQueries, HealthQueries):
    """The root, put together from the aggregates' own."""


@strawberry.type(description="Everything that can be written: each field is one transaction.")
class Mutation(
    WorkflowMutations, ExecutionMutations, LeaseMutations, StepMutations, StateMutations, RecordMutations
):
    """The root, put together from the aggregates' own."""


schema = CodedSchema(
    query=Query,
    mutation=Mutation,
    types=[MetricPoint],
    exception_handlers=HANDLERS,
    config=StrawberryConfig(scalar_map=SCALARS),
    extensions=[
        ValidationCodes,
        lambda: ParserCache(_CACHED_DOCUMENTS),
        lambda: ValidationCache(_CACHED_DOCUMENTS),
    ],
)
