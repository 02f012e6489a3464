"""What a document may ask for: every limit just under and just over, however the document is made."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Client
from tests.http.conftest import Serve
from tests.http.documents import (
    aliases,
    deep,
    directives,
    doubling,
    duplicates,
    fields,
    operations,
    spread,
    tokens,
)

SMALL: dict[str, Any] = {
    "max_document_characters": 600,
    "max_tokens": 120,
    "max_depth": 5,
    "max_fields": 14,
    "max_aliases": 4,
    "max_directives": 4,
    "max_duplicates": 4,
    "max_list_items": 5,
}
HEALTH = "{ health { version } }"
UNUSED = " fragment Unused on Health { %s }"
PAIRS = {
    "characters": (HEALTH.ljust(600), HEALTH.ljust(601)),
    "tokens": (tokens(120), tokens(121)),
    "depth": (deep(5), deep(6)),
    "fields": (fields(14), fields(15)),
    "aliases": (aliases(4), aliases(5)),
    "directives": (directives(4), directives(5)),
    "duplicates": (duplicates(4), duplicates(5)),
    "repeated spreads": (spread(6), spread(7)),
    "unused fragments": (
        HEALTH + UNUSED % ("version " * 5),
        HEALTH + UNUSED % ("version " * 6),
    ),
    "other operations": (
        f"query A {HEALTH} query B {duplicates(4)}",
        f"query A {HEALTH} query B {duplicates(5)}",
    ),
}


async def code(client: Client, document: str, **more: Any) -> str | None:
    """The code of the first error, if there is one."""
    body = {"query": document, "operationName": "A" if "query A" in document else None, **more}
    answer = (await client.http.post(client.url, json=body)).json()
    return answer["errors"][0]["extensions"]["code"] if "errors" in answer else None


@pytest.mark.parametrize("name", PAIRS)
async def test_just_under_a_limit_is_fine(serve: Serve, name: str) -> None:
    client = await serve(**SMALL)
    assert await code(client, PAIRS[name][0]) != "TOO_COMPLEX"


@pytest.mark.parametrize("name", PAIRS)
async def test_just_over_a_limit_is_too_complex(serve: Serve, name: str) -> None:
    client = await serve(**SMALL)
    assert await code(client, PAIRS[name][1]) == "TOO_COMPLEX"


BOMBS = {
    "doubling": doubling(19),
    "a few doubling": doubling(9),
    "cycle": "{ executions { nodes { ...A } } } fragment A on Execution { parent { ...B } } "
    "fragment B on Execution { parent { ...A } }",
    "unused cycle": HEALTH + " fragment A on Execution { parent { ...A } }",
    "three hundred fragments": spread(300),
    "four hundred repetitions": f"{{ {'health { version } ' * 400}}}",
    "two hundred repetitions": f"{{ {'health { version } ' * 200}}}",
    "operations through one chain": operations(50),
    "aliases": aliases(300),
    "directives": directives(100),
    "directives on one field": f"{{ health {'@skip(if: false) ' * 100}{{ version }} }}",
    "unknown directives": f"{{ health {'@nope ' * 100}{{ version }} }}",
    "deep": deep(100),
    "deep in a wrong place": f"{{ {'nope { ' * 30}nope{' }' * 30} }}",
    "deep inline fragments": f"{{ {'... { ' * 320}__typename{' }' * 320} }}",
    "deep lists": f"{{ nodes(ids: {'[' * 480}{']' * 480}) {{ id }} }}",
    "deep objects": f"{{ workflow(by: {'{a: ' * 240}1{'}' * 240}) {{ id }} }}",
    "deep type": f"query ($a: {'[' * 480}ID{']' * 480}) {{ __typename }}",
    "comments": "#\n" * 5_000 + HEALTH,
    "one long comment": f"{HEALTH} #{'x' * 200_000}",
    "tokens": tokens(1_001),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused(client: Client, name: str) -> None:
    assert await code(client, BOMBS[name]) == "TOO_COMPLEX"


async def test_a_cycle_of_spreads_alone_is_refused(client: Client) -> None:
    document = f"{HEALTH} fragment A on Health {{ ...B }} fragment B on Health {{ ...A }}"
    assert await code(client, document) == "GRAPHQL_VALIDATION_FAILED"


LISTS: dict[str, tuple[str, Callable[[list[str]], Any]]] = {
    "ids": ("query ($l: [ID!]!) { nodes(ids: $l) { id } }", lambda items: items),
    "within an input": (
        "query ($l: AuditFilter) { auditLog(filter: $l) { nodes { id } } }",
        lambda items: {"actor": items},
    ),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(("length", "refused"), [(5, False), (6, True)])
async def test_long_lists_in_variables_are_refused(
    serve: Serve, name: str, length: int, refused: bool
) -> None:
    document, shape = LISTS[name]
    found = await code(await serve(**SMALL), document, variables={"l": shape(["x"] * length)})
    assert (found == "TOO_COMPLEX") is refused
