"""Runs queries by their plans."""

from typing import Any

import strawberry
from graphql import Executor, GraphQLError

from db.errors import FlowkeepError
from graph.context import Context
from graph.documents.document import Operation
from graph.execution.compiling import Compiler, ObjectPlan
from graph.execution.level import HandOver, Level, Run

_PLANS_OF_AN_OPERATION = 16


class FastQueries:
    """The plans of a schema's queries, kept with their documents."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema

    async def run(self, operation: Operation, executor: Executor[Any], context: Context) -> Any:
        """The data of a query's answer; None where graphql-core is to answer it."""
        plan = self._plan(operation, executor)
        if plan is None:
            return None
        try:
            run = Run(context, executor.variable_values)
            (data,) = await plan.answer(Level(objects=[None]), run)
        except Exception:  # noqa: BLE001 - whatever it is, graphql-core meets it again and says where it was
            return None
        return data

    def _plan(self, operation: Operation, executor: Executor[Any]) -> ObjectPlan | None:
        # What `@skip` and `@include` look at decides what is in the plan.
        given = executor.variable_values.coerced
        shape = tuple(given.get(name) for name in operation.conditions)
        if shape in operation.plans:
            known: ObjectPlan | None = operation.plans[shape]
            return known
        try:
            plan = self._compiler(executor).plan()
        except (HandOver, GraphQLError, FlowkeepError):
            plan = None
        if len(operation.plans) < _PLANS_OF_AN_OPERATION:
            operation.plans[shape] = plan
        return plan

    def _compiler(self, executor: Executor[Any]) -> Compiler:
        registry = self._schema.schema_converter.scalar_registry
        return Compiler(self._schema._schema, self._schema.config, registry, executor)
