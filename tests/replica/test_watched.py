"""What an operator sees of the standby."""

from math import inf

from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from db.engine import Database
from tests.client import Client
from tests.factories import Factory
from tests.http.test_probes import beside
from tests.replica.conftest import answered, replicating, told, until_told
from tests.replica.standby import Standby
from tests.replica.test_positions import FAR
from tests.replica.test_reads import COUNT

AWAY = SecretStr("postgresql://flowkeep@127.0.0.1:1/flowkeep")


async def metrics(client: Client) -> dict[str, float]:
    """What the metrics tell of the replica, by name, and by name and source."""
    text = (await client.http.get(beside(client, "/metrics"))).text
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {
        " ".join([one.name.removeprefix("flowkeep_replica_"), *one.labels.values()]): one.value
        for one in samples
        if one.name.startswith("flowkeep_replica_") and not one.name.endswith("_created")
    }


async def test_one_that_has_everything_is_not_behind(replicated: Client, standby: Standby) -> None:
    found = await until_told(replicated, lambda found: found["lagBytes"] == 0)
    assert found == {
        "state": "IN_USE",
        "reason": None,
        "lagSeconds": 0.0,
        "lagBytes": 0,
        "pool": {"size": 2, "inUse": 0},
    }


async def test_one_that_stands_still_falls_behind(
    worker_url: str, standby: Standby, make: Factory, database: Database
) -> None:
    async with replicating(worker_url, standby, replica_max_lag=1) as client:
        await until_told(client, lambda found: found["lagBytes"] == 0)
        await standby.pause()
        await make.executions(3)
        behind = await until_told(client, lambda found: found["state"] == "BEHIND")
        measured = await metrics(client)
        await standby.resume()
        await standby.catch_up(database)
        again = await until_told(client, lambda found: found["state"] == "IN_USE")
    assert behind["lagSeconds"] > 1
    assert behind["reason"].startswith("The replica is ")
    assert (behind["lagBytes"] > 0, measured["lag_bytes"] > 0, measured["lag_seconds"] > 1) == (True,) * 3
    assert (measured["out_of_use"], again["reason"]) == (1, None)


async def test_queries_are_counted_by_where_they_were_read(
    worker_url: str, standby: Standby, make: Factory
) -> None:
    async with replicating(worker_url, standby, replica_wait=0) as client:
        for after in (None, None, FAR):
            await answered(client, COUNT, after)
        found = await metrics(client)
    counted = {name: value for name, value in found.items() if name.startswith("queries_total")}
    assert counted == {"queries_total replica": 2, "queries_total position": 1}
    assert (found["out_of_use"], found["pool_size"]) == (0, 2)


async def test_a_process_without_its_replica_is_ready(worker_url: str, standby: Standby) -> None:
    async with replicating(worker_url, standby, replica_url=AWAY) as client:
        ready = (await client.http.get(beside(client, "/readyz"))).json()
        found, measured = await told(client), await metrics(client)
    warning = "The replica can't be reached: queries are read from the primary."
    assert (ready["ready"], ready["warnings"]) == (True, [warning])
    assert (found["state"], found["lagSeconds"]) == ("UNREACHABLE", None)
    assert (measured["out_of_use"], measured["lag_seconds"], measured["lag_bytes"]) == (1, inf, inf)
    assert "127.0.0.1:1 can't be reached: Connection refused" in found["reason"]


async def test_without_a_replica_there_is_nothing_to_tell(client: Client) -> None:
    assert await told(client) is None
    assert await metrics(client) == {}
