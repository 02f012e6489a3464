"""Byte for byte the same: a corpus that is kept, and documents made by chance."""

import pytest
from graphql import get_named_type
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.execution.both import Both
from tests.execution.corpus import CORPUS, UNPLANNED, WITH_ERRORS, WRONG_VARIABLES
from tests.http.test_fuzzing import selections
from tests.mutations import SCHEMA
from tests.sizes import examples

ALIKE = CORPUS | WITH_ERRORS | WRONG_VARIABLES


@pytest.mark.parametrize("name", ALIKE)
async def test_both_answer_alike(both: Both, name: str) -> None:
    document, variables = ALIKE[name]
    assert await both.assert_alike(document, **variables) is not None
    assert both.unplanned is None


@pytest.mark.parametrize("name", WITH_ERRORS)
async def test_an_error_is_in_the_answer(both: Both, name: str) -> None:
    document, variables = WITH_ERRORS[name]
    answer = await both.assert_alike(document, **variables)
    assert answer is not None
    assert answer.errors


@pytest.mark.parametrize("name", UNPLANNED)
async def test_what_no_plan_can_be_made_of_is_counted(both: Both, name: str) -> None:
    document, reason = UNPLANNED[name]
    assert await both.assert_alike(document) is not None
    assert both.unplanned == reason


@pytest.mark.parametrize("yes", [True, False])
async def test_a_plan_of_one_condition_does_not_answer_another(both: Both, yes: bool) -> None:
    document = "query ($yes: Boolean!) { workflows(first: 1) { nodes { name version @include(if: $yes) } } }"
    await both.assert_alike(document, yes=not yes)
    await both.assert_alike(document, yes=yes)


async def test_variables_of_one_request_do_not_answer_another(both: Both) -> None:
    document = "query ($n: Int) { executions(first: $n) { nodes { id } } }"
    assert await both.assert_alike(document, n=1) != await both.assert_alike(document, n=2)


QUERIES = selections(SCHEMA.query_type, 5).map(lambda selected: f"query {selected}")
LISTS = ("workflows", "executions")


@st.composite
def nested(draw: st.DrawFn) -> str:
    """Lists in lists, which a document made by chance seldom reaches."""
    name = draw(st.sampled_from(LISTS))
    assert SCHEMA.query_type is not None
    connection = get_named_type(SCHEMA.query_type.fields[name].type)
    return f"query {{ {name}(first: {draw(st.integers(0, 4))}) {draw(selections(connection, 5))} }}"


# What these say depends on the moment.
OF_THE_MOMENT = ("executionStats", "stepStats", "stats", "errorGroups", "whyStuck", "health")


DOCUMENTS = nested() | QUERIES


async def _alike(both: Both, document: str) -> None:
    assume(not any(name in document for name in OF_THE_MOMENT))
    await both.assert_alike(document)
    assert both.unplanned is None


@settings(max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(document=DOCUMENTS)
async def test_documents_made_by_chance_are_answered_alike(both: Both, document: str) -> None:
    await _alike(both, document)


@pytest.mark.slow
@settings(max_examples=examples(2000), suppress_health_check=list(HealthCheck))
@given(document=DOCUMENTS)
async def test_thousands_of_documents_are_answered_alike(both: Both, document: str) -> None:
    await _alike(both, document)
