"""Each field under a list costs a fixed number of statements, whatever the number of rows."""

from typing import Any
from uuid import UUID

import pytest

from graph.ids import Kind, encode
from tests.client import Client
from tests.conftest import Statements
from tests.factories import Factory

FEW, MANY = 3, 300
CHILDREN = "query ($id: ID!, $n: Int!) { execution(id: $id) { children(first: $n) { nodes { id $ } } } }"
NODES = "nodes { id }"

# What is selected of every child, and how many statements it takes beside the two of the list itself.
COSTS = {
    f"steps {{ {NODES} }}": 1,
    f"logs {{ {NODES} }}": 1,
    f"children {{ {NODES} }}": 1,
    f"checkpoints {{ {NODES} }}": 1,
    f"events {{ {NODES} }}": 1,
    "latestCheckpoint { id parent { id } state { variables } }": 2,
    f"metrics {{ steps points {{ {NODES} }} }}": 2,
    "state { variables }": 2,
    "stateAt(version: 1) { currentStep completedSteps parallelGroups }": 2,
    "workflow { name versions { nodes { id } } executions(first: 1) { nodes { id } } }": 3,
    "parent { id }": 0,  # the very row that the document began with
    "forkedFrom { id }": 1,
    "steps { totalCount totalCountIsExact }": 2,
    "steps { nodes { logs { nodes { id } } execution { id } } }": 3,
    "logs { nodes { step { key execution { id } } } }": 3,
    "metrics { points { nodes { step { key } } } }": 3,
    "checkpoints { nodes { execution { id } state { version variables } } }": 3,
    f"a: steps(first: 1) {{ {NODES} }} b: steps(last: 1) {{ {NODES} }}": 2,
    f"a: steps {{ {NODES} }} b: steps(first: 50) {{ {NODES} }}": 1,
    f'a: logs {{ {NODES} }} b: logs(filter: {{ text: "x" }}) {{ {NODES} }}': 2,
    f"a: logs {{ {NODES} }} b: logs(orderBy: {{ field: LOGGED_AT }}) {{ {NODES} }}": 2,
    "a: stateAt(version: 0) { variables } b: stateAt(version: 1) { variables }": 2,
}


@pytest.mark.parametrize("rows", [FEW, MANY])
@pytest.mark.parametrize("selection", COSTS)
async def test_a_field_costs_its_statements_once(
    client: Client, make: Factory, statements: Statements, selection: str, rows: int
) -> None:
    parent = await make.family(rows)
    await statements.clear()
    await client.ask(CHILDREN.replace("$ }", f"{selection} }}"), id=encode(Kind.EXECUTION, parent), n=rows)
    assert len(statements) == 2 + COSTS[selection], statements.seen


@pytest.mark.parametrize("rows", [FEW, MANY])
async def test_nodes_cost_a_statement_a_kind(
    client: Client, make: Factory, statements: Statements, rows: int
) -> None:
    executions = await make.executions(rows)
    ids = [encode(Kind.EXECUTION, key) for key in executions]
    await statements.clear()
    await client.send("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[*ids, missing_step()])
    assert len(statements) == 2, statements.seen


def missing_step() -> str:
    """The id of a step that is not there."""
    return encode(Kind.STEP, UUID(int=7), 1)


@pytest.mark.parametrize(
    ("selection", "statements_taken"),
    [
        ("executions { nodes { id } }", 1),
        ("executions { totalCount }", 2),
        ("executions { pageInfo { hasNextPage } }", 1),
    ],
)
async def test_a_count_runs_only_when_selected(
    client: Client, make: Factory, statements: Statements, selection: str, statements_taken: int
) -> None:
    await make.executions(FEW)
    await statements.clear()
    await client.ask(f"{{ {selection} }}")
    assert len(statements) == statements_taken, statements.seen


@pytest.mark.parametrize("rows", [FEW, MANY])
async def test_a_filter_by_id_is_looked_up_once(
    client: Client, make: Factory, statements: Statements, rows: int
) -> None:
    workflows = [{"name": f"w{number}"} for number in range(rows)]
    (first, *_) = await make.workflows(workflows)
    narrowed: dict[str, Any] = {"workflowId": encode(Kind.WORKFLOW, first)}
    await statements.clear()
    await client.ask(
        "query ($n: Int!, $filter: ExecutionFilter) "
        "{ workflows(first: $n) { nodes { executions(filter: $filter) { nodes { id } } } } }",
        n=rows,
        filter=narrowed,
    )
    assert len(statements) == 3, statements.seen
