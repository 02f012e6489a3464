"""What a plan keeps, what it counts and what an error costs."""

import gc
import weakref

import pytest

from graph.documents.document import Document
from graph.execution.core.answering import Answering, Asking
from graph.schema import schema
from tests.client import Client
from tests.conftest import Statements
from tests.execution.both import Both
from tests.factories import Factory

MISSING = '"exec_00000000000070008000000000000000"'


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("query ($n: Int) { executions(first: $n) { nodes { id workflow { name } } totalCount } }", {"n": 1}),
        ("query ($id: ID!) { execution(id: $id) { id } }", {"id": "x"}),
        (
            "mutation ($i: SaveStateInput!) { saveState(input: $i) { __typename } }",
            {"i": {"executionId": "exec_00000000000070008000000000000000"}},
        ),
        ("{ __schema { types { name } } }", {}),
    ],
)
async def test_a_plan_keeps_nothing_of_a_request_alive(
    both: Both, document: str, variables: dict[str, object]
) -> None:
    known: Document | None = both.document(document)
    assert known is not None
    answering = Answering(schema, hide_suggestions=False)
    context = both.context()
    seen = weakref.ref(context)
    await answering.answer(Asking(known, known.operations[0], variables, context))
    del context
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("rows", [3, 30])
async def test_an_error_costs_no_statement(
    client: Client, make: Factory, statements: Statements, rows: int
) -> None:
    await make.executions(rows)
    await statements.clear()
    answer = await client.send(
        "{ executions { nodes { id steps { nodes { id } } a: stateAt(version: 99) { id } } } }"
    )
    assert (bool(answer["errors"]), len(statements)) == (True, 3), statements.seen


async def test_a_missing_id_costs_one_statement(
    client: Client, make: Factory, statements: Statements
) -> None:
    await statements.clear()
    await client.send(f"{{ execution(id: {MISSING}) {{ id steps {{ nodes {{ id }} }} }} }}")
    assert len(statements) == 1, statements.seen


@pytest.mark.parametrize("cap", [10_000, 10_001])
async def test_a_count_costs_one_statement_whatever_its_cap(
    client: Client, make: Factory, statements: Statements, cap: int
) -> None:
    await make.executions(3)
    await statements.clear()
    await client.ask(f"{{ executions {{ totalCount(upTo: {cap}) totalCountIsExact(upTo: {cap}) }} }}")
    assert len(statements) == 2, statements.seen
