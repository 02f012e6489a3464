"""Byte for byte the same: a corpus that is kept, and documents made by chance."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from graphql import get_named_type
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from db.engine import Database
from db.enums import ExecutionStatus
from tests.execution.both import Both
from tests.execution.corpus import CORPUS, HANDED_OVER
from tests.factories import Factory
from tests.graph import world
from tests.http.test_fuzzing import selections
from tests.mutations import SCHEMA


@pytest_asyncio.fixture
async def both(database: Database, make: Factory) -> AsyncIterator[Both]:
    """Both ways on a database with something of everything in it."""
    await make.tree(workflows=3, executions=2, steps=3, logs=2)
    await world.arrange(make, ExecutionStatus.FAILED)
    yield Both(database)


@pytest.mark.parametrize("name", CORPUS)
async def test_the_corpus_is_answered_alike(both: Both, name: str) -> None:
    document, variables = CORPUS[name]
    fast, slow = await both.answers(document, **variables)
    assert fast is not None
    assert fast == slow


@pytest.mark.parametrize("name", HANDED_OVER)
async def test_what_is_out_of_the_ordinary_is_handed_over(both: Both, name: str) -> None:
    document, variables = HANDED_OVER[name]
    assert (await both.answers(document, **variables))[0] is None


@pytest.mark.parametrize("yes", [True, False])
async def test_a_plan_of_one_condition_does_not_answer_another(both: Both, yes: bool) -> None:
    document = "query ($yes: Boolean!) { workflows(first: 1) { nodes { name version @include(if: $yes) } } }"
    await both.answers(document, yes=not yes)
    fast, slow = await both.answers(document, yes=yes)
    assert fast == slow


async def test_variables_of_one_request_do_not_answer_another(both: Both) -> None:
    document = "query ($n: Int) { executions(first: $n) { nodes { id } } }"
    assert (await both.answers(document, n=1))[0] != (await both.answers(document, n=2))[0]


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
    fast, slow = await both.answers(document)
    assert fast is None or fast == slow, document


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(document=DOCUMENTS)
async def test_documents_made_by_chance_are_answered_alike(both: Both, document: str) -> None:
    await _alike(both, document)


@pytest.mark.slow
@settings(max_examples=2000, suppress_health_check=list(HealthCheck))
@given(document=DOCUMENTS)
async def test_thousands_of_documents_are_answered_alike(both: Both, document: str) -> None:
    await _alike(both, document)
