"""Thousands of requests of every kind leave nothing behind: neither objects nor bytes."""

import gc
from typing import Any

import pytest
from psutil import Process

from db.enums import ExecutionStatus
from tests.client import Client
from tests.conftest import Statements
from tests.execution.corpus import CORPUS, MISSING, UNPLANNED, WITH_ERRORS, WRONG_VARIABLES
from tests.factories import Factory
from tests.graph import world
from tests.mutations import MUTATIONS, document

pytestmark = pytest.mark.slow

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"{name} of nothing": (document(name), {"input": {}}) for name in MUTATIONS},
    "a write to nothing": (document("saveState"), {"input": {"executionId": MISSING.strip('"')}}),
    "a field that is none": ("{ nothing }", {}),
    "no document": ("{ workflows { nodes {", {}),
}
INTROSPECTION: dict[str, tuple[str, dict[str, Any]]] = {
    name: (text, {}) for name, (text, _) in UNPLANNED.items()
}
MIXED = CORPUS | WITH_ERRORS | WRONG_VARIABLES | INTROSPECTION | REFUSED
ROUNDS = 30


async def ask(client: Client, rounds: int) -> tuple[int, int]:
    """Ask all of them so many times; how many objects there are then, and how many bytes."""
    for _ in range(rounds):
        for text, variables in MIXED.values():
            await client.send(text, **variables)
    gc.collect()
    return len(gc.get_objects()), Process().memory_info().rss


async def test_requests_leave_nothing_behind(client: Client, make: Factory, statements: Statements) -> None:
    await world.arrange(make, ExecutionStatus.FAILED)
    objects, size = await ask(client, 4)
    later, grown = await ask(client, ROUNDS)
    statements.seen.clear()
    # What runs beside the requests has some more or fewer at any moment; one for each request would be 2,400.
    assert later - objects < ROUNDS * len(MIXED) / 6
    assert grown - size < 16 * 2**20
