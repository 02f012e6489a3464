"""Nested queries take one statement a level, whatever the number of rows."""

import pytest

from tests.client import Client
from tests.conftest import Statements
from tests.factories import Factory

DASHBOARD = """
query ($n: Int!) {
  workflows(first: $n) { nodes {
    name executions(first: $n) { nodes {
      status steps(first: $n) { nodes { key logs(first: $n) { nodes { message } } } }
    } }
  } }
}
"""


@pytest.mark.parametrize("rows", [1, 3, 300])
async def test_a_level_is_a_statement(
    client: Client, make: Factory, statements: Statements, rows: int
) -> None:
    await make.tree(workflows=3, executions=min(rows, 10), steps=max(1, rows // 30), logs=2)
    await statements.clear()
    await client.ask(DASHBOARD, n=100)
    assert len(statements) == 4, statements.seen


async def test_the_answer_is_the_tree(client: Client, make: Factory) -> None:
    await make.tree(workflows=2, executions=2, steps=2, logs=2)
    data = await client.ask(DASHBOARD, n=10)
    shape = [
        [
            [[log["message"] for log in step["logs"]["nodes"]] for step in execution["steps"]["nodes"]]
            for execution in workflow["executions"]["nodes"]
        ]
        for workflow in data["workflows"]["nodes"]
    ]
    assert shape == [[[["line 1", "line 2"], ["line 3", "line 4"]]] * 2] * 2
