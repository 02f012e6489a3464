"""Queries are read from the standby: what it has not replayed is not there. All else is the primary's."""

from uuid import UUID

from db.engine import Database
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.live.documents import EVENTS
from tests.live.follower import connected, seq_of
from tests.replica.standby import Standby

COUNT = "{ executions { totalCount } }"
CREATE = """mutation ($name: String!) { createWorkflow(input: {name: $name, version: "1", definition: {}}) {
    ... on WorkflowPayload { workflow { name executions { totalCount } } }
} }"""


async def count(client: Client) -> int:
    """How many executions a query finds."""
    found: int = (await client.ask(COUNT))["executions"]["totalCount"]
    return found


async def test_a_query_sees_what_the_standby_has_replayed(
    replicated: Client, standby: Standby, make: Factory, database: Database
) -> None:
    await standby.pause()
    await make.executions(3)
    before = await count(replicated)
    await standby.resume()
    await standby.catch_up(database)
    assert (before, await count(replicated)) == (0, 3)


async def test_a_mutation_is_answered_by_the_primary(replicated: Client, standby: Standby) -> None:
    await standby.pause()
    answer = await replicated.ask(CREATE, name="fresh")
    assert answer["createWorkflow"]["workflow"]["executions"] == {"totalCount": 0}


async def test_feeds_stay_on_the_primary(replicated: Client, standby: Standby, make: Factory) -> None:
    await standby.pause()
    execution: UUID = await make.execution()
    await make.events(execution, 2)
    async with connected(replicated.url) as follower:
        await follower.subscribe(EVENTS, id=encode(Kind.EXECUTION, execution))
        assert [seq_of(item) for item in await follower.take(2)] == [1, 2]


async def test_a_socket_reads_queries_from_the_standby_too(
    replicated: Client, standby: Standby, make: Factory
) -> None:
    await standby.pause()
    await make.executions(3)
    async with connected(replicated.url) as follower:
        await follower.subscribe(COUNT)
        assert (await follower.message())["payload"]["data"]["executions"] == {"totalCount": 0}
