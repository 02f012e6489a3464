"""Answers operations: by their plans, or by graphql-core where there can be none."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeGuard, cast

import strawberry
from graphql import ExecutionResult, Executor, GraphQLError, create_source_event_stream
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.context import Context
from graph.documents.document import Document, Operation
from graph.errors import Rejection, coded
from graph.execution.core.coercing import Inputs
from graph.execution.core.compiling import Compiler, Unplanned
from graph.execution.inputs import Unfit, Variable, coerced_variables
from graph.execution.plan import Answered, Plan, Run
from graph.private import core_schema
from graph.telemetry.record import note_unplanned

_PLANS_OF_AN_OPERATION = 16

_is_awaitable = cast(Callable[[Any], TypeGuard[Awaitable[Any]]], optimized_is_awaitable)


@dataclass(slots=True)
class _Compiled:
    """What is kept of an operation, and nothing of any request."""

    variables: tuple[Variable, ...]
    plans: dict[tuple[Any, ...], Plan | Unplanned] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asking:
    """One run of an operation: with these variables, for this context."""

    document: Document
    operation: Operation
    variables: Mapping[str, Any]
    context: Context


class Answering:
    """Answers the operations of one schema."""

    def __init__(self, schema: strawberry.Schema, *, hide_suggestions: bool) -> None:
        self._schema = schema
        self._inputs = Inputs(schema, hide_suggestions=hide_suggestions)
        self._hide_suggestions = hide_suggestions

    async def answer(self, asking: Asking) -> Answered:
        """The answer to a query or a mutation; raises `Rejection` for variables that do not fit."""
        (answered,) = await self.answer_each(asking, [None])
        return answered

    async def answer_each(self, asking: Asking, roots: list[Any]) -> list[Answered]:
        """The answers for each of these root objects, all of them at once; raises `Rejection`."""
        compiled = self._compiled(asking.operation)
        try:
            variables = coerced_variables(compiled.variables, asking.variables)
        except Unfit:
            wrong = self._inputs.wrong_variables(asking.operation.node, asking.variables)
            raise Rejection([coded(error) for error in wrong]) from None
        plan = self._plan(compiled, asking, variables)
        if isinstance(plan, Unplanned):
            note_unplanned(plan.reason)
            return [await self._by_core(asking, root) for root in roots]
        explain = partial(self._inputs.arguments_by_core, asking.operation.node, asking.variables)
        return await plan.run(roots, Run(asking.context, variables, explain))

    async def source(self, asking: Asking) -> Any:
        """What a subscription's resolver gives; raises `Rejection` where it can't start."""
        source: Any = create_source_event_stream(self._executor(asking, None))
        if _is_awaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise Rejection([coded(error) for error in source.errors or ()])
        return source

    def _compiled(self, operation: Operation) -> _Compiled:
        known: _Compiled | None = operation.compiled.get("executor")
        if known is None:
            known = operation.compiled["executor"] = _Compiled(self._inputs.variables(operation.node))
        return known

    def _plan(self, compiled: _Compiled, asking: Asking, variables: dict[str, Any]) -> Plan | Unplanned:
        # What `@skip` and `@include` look at decides what is in the plan.
        conditions = {name: variables[name] for name in asking.operation.conditions if name in variables}
        shape = tuple(conditions.items())
        known = compiled.plans.get(shape)
        if known is None:
            known = self._made(asking, conditions)
            if len(compiled.plans) < _PLANS_OF_AN_OPERATION:
                compiled.plans[shape] = known
        return known

    def _made(self, asking: Asking, conditions: dict[str, Any]) -> Plan | Unplanned:
        document, operation = asking.document.ast, asking.operation.node
        try:
            return Compiler(self._schema, self._inputs, document, operation, conditions).plan()
        except Unplanned as unplanned:
            return Unplanned(unplanned.reason)  # without the traceback and all that it holds
        except GraphQLError:
            return Unplanned("condition")

    async def _by_core(self, asking: Asking, root: Any) -> Answered:
        result: Any = self._executor(asking, root).execute_operation()
        if _is_awaitable(result):
            result = await result
        return Answered(result.data, result.errors or [])

    def _executor(self, asking: Asking, root: Any) -> Executor[Any]:
        """One of graphql-core's; raises `Rejection` for variables that don't fit."""
        built = StrawberryGraphQLCoreExecutionContext.build(
            core_schema(self._schema),
            asking.document.ast,
            root_value=root,
            context_value=asking.context,
            raw_variable_values=dict(asking.variables),
            operation_name=asking.operation.name,
            is_awaitable=_is_awaitable,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(built, list):
            raise Rejection([coded(error) for error in built])
        return built
