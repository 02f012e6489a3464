"""What the memory of a server does over 100,000 mixed requests: it is asserted to stay where it was.

    python -m benchmarks.memory [--requests 100000]

Reads, pages, introspection, errors inside of answers, ids of nothing, wrong variables, documents and
mutations that are refused, over 16 connections. What counts is from a fifth of them on: caches are full then.
"""

import argparse
import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from benchmarks.stage import Server, client, data_folder, server

CONNECTIONS = 16
MOST_GROWN = 16 * 2**20
MISSING = "exec_00000000000070008000000000000000"
SAVE = "mutation ($i: SaveStateInput!) { saveState(input: $i) { __typename ... on Error { message } } }"
DOCUMENTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("{ __typename health { version } }", {}),
    ("{ executions(first: 10) { nodes { id status workflow { name } } totalCount } }", {}),
    ("{ executions(first: 5) { nodes { id a: stateAt(version: 99) { id } steps { nodes { key } } } } }", {}),
    ("query ($id: ID!) { execution(id: $id) { id steps { nodes { id } } } }", {"id": MISSING}),
    ("query ($id: ID!) { node(id: $id) { id } }", {"id": "x"}),
    ("query ($n: Int) { workflows(first: $n) { nodes { id } } }", {"n": "x"}),
    ("{ executions(first: 501) { nodes { id } } }", {}),
    ("{ nothing }", {}),
    ("{ workflows { nodes { ", {}),
    (SAVE, {"i": {"executionId": "x", "variablesPatch": {"a": 1}}}),
    (SAVE, {"i": {"executionId": MISSING, "variablesPatch": {"a": 1}}}),
    (SAVE, {"i": {"executionId": MISSING, "nonsense": 1}}),
    ('{ __type(name: "Workflow") { name fields { name } } }', {}),
)


def bodies() -> Iterator[bytes]:
    """All of them in turns, and each time around a document that was never seen."""
    known = [orjson.dumps({"query": text, "variables": variables}) for text, variables in DOCUMENTS]
    for number in itertools.count():
        yield orjson.dumps({"query": f"{{ a{number}: workflows(first: 1) {{ nodes {{ id }} }} }}"})
        yield from known


async def _drive(url: str, asked: Iterator[bytes]) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    for body in asked:
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def ask(flowkeep: Server, asked: Iterator[bytes]) -> int:
    """Ask all of it; the server's resident bytes then."""
    await asyncio.gather(*(_drive(flowkeep.url, asked) for _ in range(CONNECTIONS)))
    return flowkeep.memory()


async def _seed(url: str) -> None:
    async with client(url) as flowkeep:
        workflow = {"name": "w", "version": "1", "definition": {}, "status": "ACTIVE"}
        created = "mutation ($i: CreateWorkflowInput!) { createWorkflow(input: $i) { __typename } }"
        await flowkeep.ask(created, i=workflow)
        started = "mutation ($i: CreateExecutionInput!) { createExecution(input: $i) { __typename } }"
        for _ in range(20):
            await flowkeep.ask(started, i={"workflowName": "w"})


async def measure(folder: Path, requests: int) -> list[int]:
    """The server's resident bytes after each fifth of so many requests."""
    with server(folder) as flowkeep:
        await _seed(flowkeep.url)
        asked = bodies()
        return [await ask(flowkeep, itertools.islice(asked, requests // 5)) for _ in range(5)]


def main() -> None:
    """Measure, print, and fail where memory grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    requests = parser.parse_args().requests
    with data_folder() as folder:
        found = asyncio.run(measure(folder, requests))
    for number, held in enumerate(found, 1):
        print(f"after {number * requests // 5:7} requests{held / 2**20:8.1f} MB")
    grown = found[-1] - found[0]
    assert grown < MOST_GROWN, f"grown by {grown / 2**20:.1f} MB"


if __name__ == "__main__":
    main()
