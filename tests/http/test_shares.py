"""One caller's slow reads keep nobody else from reading and writing."""

import asyncio

import httpx

from db.enums import Scope
from tests.client import Client
from tests.factories import Factory
from tests.http.conftest import Serve
from tests.http.locks import Lock

SLOW = "{ auditLog { nodes { id } } }"
QUICK = "{ executions { totalCount } }"


async def test_others_read_and_engines_write_while_one_caller_waits(
    serve_anew: Serve, make: Factory, table_lock: Lock
) -> None:
    url = (await serve_anew(pool_size=10)).url
    slow, other = [{"Authorization": f"Bearer {await make.token(scopes=list(Scope))}"} for _ in range(2)]
    lease = {"executionId": f"exec_{(await make.execution()).hex}", "holder": "engine", "ttl": "PT1H"}
    async with httpx.AsyncClient(headers=slow, timeout=60, verify=False) as http:
        engine = Client(url, http)
        epoch = (await engine.done("acquireLease", **lease))["lease"]["epoch"]
        async with table_lock("audit_entries") as lock:
            waiting = [asyncio.create_task(http.post(url, json={"query": SLOW})) for _ in range(20)]
            assert await lock.awaited(3)
            read = (await http.post(url, json={"query": QUICK}, headers=other)).json()
            beaten = await engine.write("heartbeat", **lease, epoch=epoch)
            assert await lock.awaited(3)
        assert {(await task).status_code for task in waiting} == {200}
    assert (read, beaten["__typename"]) == ({"data": {"executions": {"totalCount": 1}}}, "LeasePayload")
