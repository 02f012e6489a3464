"""Real traces and logs go in whole, and come out as they are in the files."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from db.engine import Database
from db.importing.wfformat import parse_trace
from db.writes.imports import import_trace
from graph.commands.import_logs import Reading, import_log_file
from graph.ids import Kind, encode
from tests.client import Client
from tests.conftest import Statements

DATA = Path(__file__).parents[3] / "shared" / "data"
TRACES = sorted(DATA.glob("wfinstances/*.json"))
LOGS = sorted(DATA.glob("loghub/*.log"))

pytestmark = pytest.mark.skipif(not TRACES, reason="the real traces are not beside this checkout")

EVERYTHING = """
{ workflows { totalCount nodes { name executions { totalCount nodes {
    attributes duration
    steps(first: 500) { totalCount nodes { key dependsOn duration input metrics } }
    logs(first: 1000) { totalCount nodes { message } }
} } } } }
"""


def content(path: Path) -> dict[str, Any]:
    """A file's own words."""
    trace: dict[str, Any] = orjson.loads(path.read_bytes())
    return trace


async def test_traces_come_out_as_they_went_in(
    client: Client, database: Database, statements: Statements
) -> None:
    for path in TRACES:
        await import_trace(database, parse_trace(path.read_bytes()), "test")
    await statements.clear()
    nodes = (await client.ask(EVERYTHING))["workflows"]["nodes"]
    found = {
        (
            node["name"],
            frozenset(
                (step["key"], tuple(step["dependsOn"]), step["input"]["command"]["program"])
                for step in execution["steps"]["nodes"]
            ),
        )
        for node in nodes
        for execution in node["executions"]["nodes"]
    }
    assert found == {in_file(content(path)) for path in TRACES}
    assert len(statements) == 8, statements.seen


def lines(path: Path) -> list[str]:
    """A log file's lines."""
    return path.read_bytes().decode().splitlines()


def in_file(trace: dict[str, Any]) -> tuple[str, frozenset[Any]]:
    """The name and the steps that a trace's file has."""
    ran = {task["id"]: task for task in trace["workflow"]["execution"]["tasks"]}
    steps = (
        (task["id"], tuple(sorted(task["parents"])), ran[task["id"]]["command"].get("program", ""))
        for task in trace["workflow"]["specification"]["tasks"]
    )
    return trace["name"], frozenset(steps)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
async def test_logs_come_out_as_they_went_in(client: Client, database: Database, path: Path) -> None:
    outcome = await import_trace(database, parse_trace(TRACES[0].read_bytes()), "test")
    added = await import_log_file(database, outcome.execution_id, path, Reading(64 * 2**10), lambda *_: None)
    assert added.lines == len(lines(path))
    document = """query ($id: ID!, $after: String) {
        execution(id: $id) { logs(first: 1000, after: $after) { pageInfo { endCursor } nodes { message } } }
    }"""
    messages: list[str] = []
    after = None
    for _ in range(2):
        page = await client.ask(document, id=encode(Kind.EXECUTION, outcome.execution_id), after=after)
        logs = page["execution"]["logs"]
        messages += [node["message"] for node in logs["nodes"]]
        after = logs["pageInfo"]["endCursor"]
    assert messages == lines(path)
