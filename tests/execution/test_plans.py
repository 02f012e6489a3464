"""What a plan keeps, what it counts and what an error costs."""

import gc
import weakref
from typing import Any

import pytest

from graph.documents.document import Document
from graph.execution.core.answering import Answering, Asking
from graph.schema import schema
from tests.client import Client
from tests.conftest import Statements
from tests.execution.both import Both
from tests.execution.corpus import CORPUS
from tests.factories import Factory
from tests.patience import settled


def leaves(value: Any) -> int:
    """How many values are shown in an answer's data."""
    if isinstance(value, dict | list):
        return sum(map(leaves, value.values() if isinstance(value, dict) else value))
    return 1


async def counted(both: Both, text: str, variables: dict[str, Any]) -> tuple[int, int]:
    """How many values an answer shows, and how many were counted."""
    document = both.document(text)
    assert document is not None
    asking = Asking(document, document.operations[0], variables, both.context())
    answered = await Answering(schema, hide_suggestions=False).answer(asking)
    assert answered.shown is not None
    return leaves(answered.data), answered.shown


@pytest.mark.parametrize("name", CORPUS)
async def test_no_more_values_are_shown_than_were_counted(both: Both, name: str) -> None:
    shown, known = await counted(both, *CORPUS[name])
    assert shown <= known <= 3 * shown + 20


async def test_the_values_of_lists_are_counted(both: Both, make: Factory) -> None:
    await make.execution(tags=[f"tag {number}" for number in range(50)])
    shown, known = await counted(both, "{ executions(first: 1) { nodes { tags } } }", {})
    assert 50 <= shown <= known


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
    await settled(lambda: gc.collect() >= 0 and seen() is None)  # a batch of writes ends a moment later
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


# What is selected of a payload, and the statements that it takes beyond those of the write.
PAYLOADS: dict[str, tuple[dict[str, Any], str, dict[str, int]]] = {
    "saveState": (
        {"variablesPatch": {"x": 1}},
        "SaveStatePayload",
        {"state { version }": 0, "state { id version }": 1, "state { version variables }": 2},
    ),
    "createCheckpoint": (
        {"label": "x"},
        "CreateCheckpointPayload",
        {"checkpoint { id seq }": 0, "checkpoint { __typename }": 0, "checkpoint { seq label }": 1},
    ),
    "startStep": ({"key": "k"}, "StepPayload", {"step { id seq }": 0, "step { id attempt }": 1}),
    "commitStep": (
        {"step": {"key": "k"}, "checkpoint": {"label": "x"}},
        "CommitStepPayload",
        {"step { id } state { version } checkpoint { id }": 0, "step { id status }": 1},
    ),
    "transitionExecution": (
        {"to": "RUNNING"},
        "ExecutionPayload",
        {"execution { id }": 0, "execution { id status }": 1},
    ),
    "acquireLease": (
        {"holder": "h"},
        "LeasePayload",
        {"execution { id }": 0, "lease { epoch } execution { id status }": 1},
    ),
}


@pytest.mark.parametrize(
    ("mutation", "selected"), [(name, one) for name, (_, _, costs) in PAYLOADS.items() for one in costs]
)
async def test_what_a_write_returned_is_not_read_again(
    client: Client, make: Factory, statements: Statements, mutation: str, selected: str
) -> None:
    given, payload, costs = PAYLOADS[mutation]
    document = "mutation ($i: %s!) { %s(input: $i) { __typename ... on %s { %s } ... on Error { message } } }"
    input_type = mutation[0].upper() + mutation[1:] + "Input"
    if mutation == "acquireLease":
        input_type = "LeaseInput"
    taken = []
    for shown in ("__typename", "__typename", selected):  # the first one may open the connection
        execution = f"exec_{(await make.execution()).hex}"
        await statements.clear()
        answer = await client.ask(
            document % (input_type, mutation, payload, shown), i={"executionId": execution, **given}
        )
        assert answer[mutation]["__typename"] == payload, answer
        taken.append(len(statements))
    assert taken[2] - taken[1] == costs[selected], statements.seen


async def test_what_the_process_knows_asks_the_database_nothing(
    client: Client, statements: Statements
) -> None:
    await statements.clear()
    await client.ask("{ health { version feeds { followers } } }")
    assert len(statements) == 0, statements.seen


@pytest.mark.parametrize("cap", [10_000, 10_001])
async def test_a_count_costs_one_statement_whatever_its_cap(
    client: Client, make: Factory, statements: Statements, cap: int
) -> None:
    await make.executions(3)
    await statements.clear()
    await client.ask(f"{{ executions {{ totalCount(upTo: {cap}) totalCountIsExact(upTo: {cap}) }} }}")
    assert len(statements) == 2, statements.seen
