"""How many bytes an answer may take: fetched once or shown many times, for one operation and for all."""

import asyncio
from typing import Any

import pytest
from psutil import Process

from tests.client import Client
from tests.factories import Factory
from tests.http.conftest import Serve

LIMIT = 2**20
WIDE = "x" * 300_000


async def answered(client: Client, document: str, **variables: Any) -> tuple[str, list[Any]]:
    """The code of the first error and its path; nothing where there is none."""
    answer = await client.send(document, **variables)
    if "errors" not in answer:
        return "", []
    error = answer["errors"][0]
    return error["extensions"]["code"], error["path"]


@pytest.mark.parametrize(("rows", "code"), [(3, ""), (4, "TOO_LARGE")])
async def test_what_is_fetched_has_its_limit(serve: Serve, make: Factory, rows: int, code: str) -> None:
    client = await serve(max_answer_bytes=LIMIT)
    for _ in range(rows):
        await make.execution(input=WIDE)
    found = await answered(client, "{ some: executions { nodes { input } } }")
    assert found == (code, ["some"] if code else [])


@pytest.mark.parametrize("kind", ["JSON", "text"])
@pytest.mark.parametrize(("times", "code"), [(3, ""), (4, "TOO_LARGE")])
async def test_what_is_shown_again_counts_again(
    serve: Serve, make: Factory, kind: str, times: int, code: str
) -> None:
    client = await serve(max_answer_bytes=LIMIT)
    key = await make.execution(input=WIDE if kind == "JSON" else None)
    await make.records(key, logs=[{"seq": 1, "message": WIDE}])
    part = "input" if kind == "JSON" else "logs { nodes { message } }"
    shown = " ".join(f"a{at}: execution(id: $id) {{ {part} }}" for at in range(times))
    found = await answered(client, f"query ($id: ID!) {{ {shown} }}", id=f"exec_{key.hex}")
    assert (found[0], "a3" in found[1]) == (code, bool(code))


async def test_the_field_is_named(serve: Serve, make: Factory) -> None:
    client = await serve(max_answer_bytes=LIMIT)
    key = await make.execution(input=WIDE)
    shown = " ".join(f"a{at}: input" for at in range(9))
    document = f"query ($id: ID!) {{ execution(id: $id) {{ {shown} }} }}"
    _, sentence = await client.refused(document, id=f"exec_{key.hex}")
    assert "`execution.a3`" in sentence


async def test_all_operations_together_hold_no_more(serve: Serve, make: Factory) -> None:
    client = await serve(max_answer_bytes=LIMIT, max_held_bytes=LIMIT, pool_size=10)
    for _ in range(2):
        await make.execution(input=WIDE)
    document = "{ executions { nodes { input } } }"
    found = await asyncio.gather(*(answered(client, document) for _ in range(20)))
    assert {code for code, _ in found} <= {"", "UNAVAILABLE"}
    assert [await answered(client, document) for _ in range(5)] == [("", [])] * 5


async def test_a_statement_is_given_up_while_it_runs(serve: Serve, make: Factory) -> None:
    client = await serve(max_answer_bytes=LIMIT)
    key = await make.execution()
    await make.records(key, logs=[{"seq": seq, "message": WIDE} for seq in range(1, 300)])
    before = Process().memory_info().rss
    document = "query ($id: ID!) { execution(id: $id) { logs(first: 500) { nodes { message } } } }"
    found = await answered(client, document, id=f"exec_{key.hex}")
    grown = Process().memory_info().rss - before
    assert (found[0], grown < 50_000_000) == ("TOO_LARGE", True)
