"""Mutations answer by their plans as stock Strawberry does, and take the same inputs."""

from typing import Any, cast

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    OperationDefinitionNode,
    parse,
)
from graphql.execution.values import VariableValues, get_variable_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.types.arguments import convert_argument

from db.engine import Database
from graph.execution.core.coercing import Inputs
from graph.execution.inputs import Unfit, coerced_variables
from graph.schema import core, schema
from tests.execution.both import Both
from tests.factories import Factory
from tests.graph.world import arrange, inputs
from tests.http.test_fuzzing import fields
from tests.mutations import MUTATIONS, SCHEMA, document, input_type
from tests.sizes import examples

# Takes an input without anything in it, and does something else each time.
_CHANGING = frozenset({"applyRetention"})


@pytest.mark.parametrize("mutation", [name for name in MUTATIONS if name not in _CHANGING])
async def test_a_repeated_mutation_is_answered_alike(both: Both, make: Factory, mutation: str) -> None:
    sent = {**inputs(await arrange(make))[mutation], "idempotencyKey": "once"}
    known = both.document(document(mutation))
    assert known is not None
    ours = await both.planned(known, {"input": sent})
    theirs = await both.stock(known, {"input": sent})
    assert (ours.data, ours.texts) == (theirs.data, theirs.texts)
    assert (both.unplanned, ours.errors) == (None, [])


@pytest.mark.parametrize("mutation", [name for name in MUTATIONS if name not in _CHANGING])
@pytest.mark.parametrize("wrong", [{}, {"nonsense": 1}, {"idempotencyKey": ""}, None, [], "x"], ids=str)
async def test_a_wrong_input_is_refused_alike(database: Database, mutation: str, wrong: object) -> None:
    await Both(database).assert_alike(document(mutation), input=wrong)


async def test_a_fault_stops_the_mutations_after_it(both: Both) -> None:
    move = '%s: setWorkflowStatus(input: {workflowId: "wf_%s", status: $status}) { __typename }'
    text = "mutation ($status: WorkflowStatus = ACTIVE) {" + " ".join(
        move % (alias, "0" * 32) for alias in "ab"
    )
    await both.assert_alike(f"{text} }}", status=None)


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "ID": st.text(max_size=5) | st.integers(0, 5),
    "String": st.text(max_size=5),
    "Boolean": st.booleans(),
    "Int": st.integers(-(2**33), 2**33),
    "Long": st.integers(-(2**65), 2**65),
    "Float": st.floats(allow_nan=False) | st.integers(0, 5),
    "DateTime": st.sampled_from(["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "x"]),
    "Duration": st.sampled_from(["PT1S", "P9999999999D", "-P1D", "x"]),
    "JSONObject": st.dictionaries(st.text(max_size=3), ANYTHING, max_size=2),
}


@st.composite
def json_values(draw: st.DrawFn, kind: Any) -> Any:
    """JSON that mostly fits an input type."""
    if isinstance(kind, GraphQLNonNull):
        return draw(json_values(kind.of_type))
    if draw(st.integers(0, 40)) == 0:
        return draw(ANYTHING)
    if isinstance(kind, GraphQLList):
        return [draw(json_values(kind.of_type)) for _ in range(draw(st.integers(0, 3)))]
    if isinstance(kind, GraphQLEnumType):
        return draw(st.sampled_from([*kind.values, "NONE"]))
    if isinstance(kind, GraphQLInputObjectType):
        wanted = {
            name: part.type
            for name, part in kind.fields.items()
            if isinstance(part.type, GraphQLNonNull) or draw(st.integers(0, 2)) == 0
        }
        found = {name: draw(json_values(part)) for name, part in wanted.items()}
        return {**found, "more": 1} if draw(st.integers(0, 60)) == 0 else found
    return draw(SCALARS.get(kind.name, ANYTHING))


INPUTS = Inputs(schema, hide_suggestions=False)


@settings(max_examples=examples(1500))
@given(
    st.sampled_from(MUTATIONS).flatmap(lambda name: st.tuples(st.just(name), json_values(input_type(name))))
)
def test_variables_are_coerced_as_graphql_core_and_strawberry_do(made: tuple[str, Any]) -> None:
    mutation, value = made
    operation = cast(
        OperationDefinitionNode,
        parse(f"mutation ($input: {input_type(mutation).name}!) {{ x }}").definitions[0],
    )
    declared = operation.variable_definitions or ()
    by_core = get_variable_values(core, declared, {"input": value})
    try:
        ours = coerced_variables(INPUTS.variables(operation), {"input": value})["input"]
    except Unfit:
        assert isinstance(by_core, list)
        return
    assert isinstance(by_core, VariableValues)
    strawberry_type: Any = schema.get_type_by_name(input_type(mutation).name)
    converter = schema.schema_converter
    theirs = convert_argument(
        by_core.coerced["input"], strawberry_type.origin, converter.scalar_registry, schema.config
    )
    assert ours == theirs


MUTATION: Any = SCHEMA.mutation_type
LITERALS = st.sampled_from(MUTATIONS).flatmap(lambda name: fields(MUTATION, name, 1))


@settings(max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(field=LITERALS)
async def test_literals_made_by_chance_are_answered_alike(both: Both, field: str) -> None:
    await both.assert_alike(f"mutation {{ x: {field} }}")
