"""How sockets end, and what is left of them: nothing."""

import asyncio
from typing import Any

import pytest

from graph import app
from graph.http import sockets
from graph.http.sockets import Sockets
from tests.clocks import TOMORROW, DayPasses
from tests.factories import Factory
from tests.http.conftest import Serve
from tests.http.locks import Lock
from tests.http.test_sockets import closed, hear, ready, say, subscribe
from tests.patience import settled

SLOW = {"query": "{ executions { nodes { id } } }"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Sockets]:
    """What holds the sockets of each application that is made."""
    found: list[Sockets] = []

    def make(*given: Any) -> Sockets:
        found.append(Sockets(*given))
        return found[-1]

    monkeypatch.setattr(app, "Sockets", make)
    return found


async def test_an_expired_token_closes(
    serve_anew: Serve, make: Factory, day_passes: DayPasses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "SWEEP_SECONDS", 0.05)
    async with ready(await serve_anew(), await make.token(expires_at=TOMORROW)) as socket:
        await day_passes()
        assert await closed(socket) == 4403


async def test_too_many_operations_are_refused(serve_anew: Serve, table_lock: Lock) -> None:
    client = await serve_anew(max_socket_operations=2)
    async with table_lock("executions"), ready(client) as socket:
        await say(socket, *(subscribe(name, SLOW) for name in "abc"))
        message = await hear(socket)
    assert (message["id"], message["payload"][0]["extensions"]["code"]) == ("c", "RATE_LIMITED")


async def test_a_slow_operation_is_stopped_at_its_deadline(serve_anew: Serve, table_lock: Lock) -> None:
    client = await serve_anew(request_timeout=0.3)
    async with table_lock("executions"), ready(client) as socket:
        await say(socket, subscribe(payload=SLOW))
        message = await hear(socket)
    assert message["payload"][0]["extensions"]["code"] == "TIMEOUT"


async def test_completing_stops_what_runs(serve_anew: Serve, table_lock: Lock) -> None:
    client = await serve_anew()
    async with table_lock("executions") as lock, ready(client) as socket:
        await say(socket, subscribe(payload=SLOW))
        assert await lock.awaited(1)
        await say(socket, {"type": "complete", "id": "1"})
        assert await lock.awaited(0)


@pytest.mark.parametrize("way", ["abort", "close"])
async def test_a_client_that_goes_away_leaves_nothing(
    serve_anew: Serve, made: list[Sockets], table_lock: Lock, way: str
) -> None:
    client = await serve_anew()
    before = len(asyncio.all_tasks())
    async with table_lock("executions") as lock, ready(client) as socket:
        await say(socket, subscribe(payload=SLOW))
        assert (await lock.awaited(1), len(made[0])) == (True, 1)
        socket.transport.abort() if way == "abort" else await socket.close()
        assert (await lock.awaited(0), await settled(lambda: len(made[0]) == 0)) == (True, True)
    assert await settled(lambda: len(asyncio.all_tasks()) <= before)
