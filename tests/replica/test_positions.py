"""Who has written reads what they wrote: a position in an answer, and `after` in the next request."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from db.database_url import parse_url
from db.engine import Database
from db.pools import Pool, connect_arguments
from db.replica import Elsewhere, Fallback, Positions, parse_lsn
from db.replica.reads import Reads
from graph.ids import Kind, encode
from tests.client import Client
from tests.conftest import Statements
from tests.factories import Factory
from tests.graph.test_tail import Tails
from tests.live.documents import EVENTS
from tests.live.follower import connected
from tests.live.sse import streamed
from tests.patience import PATIENCE
from tests.replica.conftest import Sources, answered, replicating
from tests.replica.standby import Standby
from tests.replica.test_reads import COUNT, CREATE

WORKFLOWS = "{ workflows { totalCount } }"
FAR = "FFFFFFFF/FFFFFFFF"
PAGE, HEADER = 8192, 24
_RECORD = "SELECT pg_logical_emit_message(false, '', repeat('x', $1))"
_END = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"


async def written(client: Client, name: str) -> str:
    """The position after a write."""
    position: str = (await client.send(CREATE, name=name))["extensions"]["position"]
    return position


async def test_who_has_just_written_sees_it_on_the_standby(
    replicated: Client, standby: Standby, sources: Sources
) -> None:
    seen = []
    for number in range(20):
        position = await written(replicated, f"w{number}")
        answer = await answered(replicated, WORKFLOWS, position)
        seen.append(answer["data"]["workflows"]["totalCount"])
    assert seen == list(range(1, 21))
    assert set(sources()[1::2]) == {"replica"}


async def test_a_query_waits_for_the_standby(replicated: Client, standby: Standby, sources: Sources) -> None:
    await standby.pause()
    position = await written(replicated, "w")
    waiting = asyncio.create_task(answered(replicated, WORKFLOWS, position))
    early = await answered(replicated, WORKFLOWS)
    await standby.resume()
    late = await waiting
    assert [one["data"]["workflows"]["totalCount"] for one in (early, late)] == [0, 1]
    assert sources() == [None, "replica", "replica"]


async def test_after_the_wait_the_primary_answers(
    worker_url: str, standby: Standby, sources: Sources
) -> None:
    await standby.pause()
    async with replicating(worker_url, standby, replica_wait=0.05) as client:
        position = await written(client, "w")
        with_position = await answered(client, WORKFLOWS, position)
        without = await answered(client, WORKFLOWS)
    assert [one["data"]["workflows"]["totalCount"] for one in (with_position, without)] == [1, 0]
    assert sources() == [None, "position", "replica"]


async def test_a_position_that_never_comes_costs_the_wait(
    worker_url: str, standby: Standby, make: Factory, sources: Sources
) -> None:
    await make.executions(3)
    async with replicating(worker_url, standby, replica_wait=0.05) as client:
        answer = await answered(client, COUNT, FAR)
    assert (answer["data"]["executions"], sources()) == ({"totalCount": 3}, ["position"])


async def test_a_follower_sees_what_it_was_told_of(
    replicated: Client, standby: Standby, make: Factory
) -> None:
    execution = await make.execution()
    document = "query ($id: ID!) { execution(id: $id) { events { nodes { seq } } } }"
    name = encode(Kind.EXECUTION, execution)
    async with connected(replicated.url) as follower:
        await follower.subscribe(EVENTS, id=name)
        await make.events(execution, 1)
        position = (await follower.message())["payload"]["extensions"]["position"]
    answer = await answered(replicated, document, position, id=name)
    assert answer["data"]["execution"]["events"]["nodes"] == [{"seq": 1}]


async def test_events_of_a_stream_have_positions(replicated: Client, standby: Standby, make: Factory) -> None:
    execution = await make.execution()
    await make.events(execution, 1)
    async with streamed(replicated.url, EVENTS, id=encode(Kind.EXECUTION, execution)) as events:
        _, answer = await events.event()
    assert parse_lsn(answer["extensions"]["position"]) > 0


async def test_on_a_socket_too(replicated: Client, standby: Standby) -> None:
    async with connected(replicated.url) as follower:
        payload = {"query": CREATE, "variables": {"name": "w"}}
        await follower.say({"id": "1", "type": "subscribe", "payload": payload})
        position = (await follower.message())["payload"]["extensions"]["position"]
        after = {"query": WORKFLOWS, "extensions": {"after": position}}
        await follower.say({"id": "2", "type": "subscribe", "payload": after})
        answers = [await follower.message() for _ in range(2)]
    assert answers[-1]["payload"] == {"data": {"workflows": {"totalCount": 1}}}


async def test_in_an_address_too(replicated: Client, standby: Standby) -> None:
    parameters = {"query": WORKFLOWS, "extensions": f'{{"after": "{await written(replicated, "w")}"}}'}
    headers = {"graphql-require-preflight": "1"}
    answer = await replicated.http.get(replicated.url, params=parameters, headers=headers)
    assert answer.json() == {"data": {"workflows": {"totalCount": 1}}}


async def test_tail_sees_the_end_that_it_was_told_of(
    worker_url: str, standby: Standby, make: Factory, database: Database
) -> None:
    execution = await make.execution()
    await standby.catch_up(database)
    await standby.pause()
    async with replicating(worker_url, standby, replica_wait=0.05) as client, AsyncExitStack() as stack:
        tailing = await Tails(stack, client.url)(execution, "--until-end")
        name = encode(Kind.EXECUTION, execution)
        await client.done("appendLogs", executionId=name, entries=[{"message": "first"}])
        (first,) = await tailing.lines(1)
        await client.done("transitionExecution", executionId=name, to="CANCELLED")
        code, others, complaints = await tailing.end()
    assert first.endswith("first")
    assert (code, others, complaints) == (0, [], "")


@pytest.mark.parametrize("after", [1, True, "", "x", "0/G", {}, ["0/1"]])
@pytest.mark.parametrize("served", ["replicated", "client"])
async def test_what_is_no_position_is_refused(
    served: str, after: object, request: pytest.FixtureRequest, replicated: Client, client: Client
) -> None:
    answer = await answered({"replicated": replicated, "client": client}[served], COUNT, after)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == '`extensions.after` should be a position, such as "16/B374D848".'


async def test_without_a_replica_there_are_no_positions(client: Client) -> None:
    answer = await client.send(CREATE, name="w")
    assert "extensions" not in answer


async def test_without_a_replica_nobody_waits(client: Client, make: Factory) -> None:
    await make.executions(3)
    assert await answered(client, COUNT, FAR) == {"data": {"executions": {"totalCount": 3}}}


async def test_a_connection_that_has_seen_a_position_is_not_asked_again(
    replicated: Client, standby: Standby, all_statements: Statements
) -> None:
    position = await written(replicated, "w")
    await answered(replicated, WORKFLOWS, position)
    await all_statements.clear()
    await answered(replicated, WORKFLOWS, position)
    assert [one for one in all_statements.seen if "FROM workflows" not in one] == []


async def test_the_server_that_is_read_from_has_the_last_word(standby: Standby) -> None:
    """Whatever was heard of the standby before: behind its address may be another one."""
    pool = Pool(parse_url(standby.url), 1, connect_arguments(PATIENCE, None, pooler=False))
    reads = Reads(pool, lambda: None)
    with pytest.raises(Elsewhere) as refused:
        async with reads.reading("caller", None, parse_lsn(FAR)):
            pass
    await pool.close()
    assert refused.value.reason is Fallback.POSITION


async def test_writers_ask_together_for_the_position(worker_url: str, all_statements: Statements) -> None:
    database = Database(worker_url, pool_size=1)
    positions = Positions(database)
    first = await positions.now()
    await all_statements.clear()
    found = await asyncio.gather(*(positions.now() for _ in range(50)))
    await asyncio.sleep(0)
    await database.close()
    assert (first is not None, len(set(found)), len(all_statements)) == (True, 1, 1)


async def test_a_pool_full_of_others_keeps_no_writer_from_the_position(worker_url: str) -> None:
    database = Database(worker_url, pool_size=7)
    async with database.reading("one"), database.reading("another"), database.writing():
        assert await Positions(database).now() is not None
    await database.close()


async def test_the_position_is_the_end_of_the_last_record(database: Database) -> None:
    """Not of the header of the page that a next one would begin."""
    positions = Positions(database)
    for _ in range(100):  # others write to the same log
        async with database.reading() as connection:
            await connection.execute(_RECORD, 0)
            at = await connection.fetchval(_END)
            await connection.execute(_RECORD, 1024)
            bare = await connection.fetchval(_END) - at - 1024
            room = -(at + bare + 1024) % PAGE - bare
            await connection.execute(_RECORD, room)
            at = await connection.fetchval(_END)
        found = parse_lsn(await positions.now() or "")
        if at % PAGE == HEADER and found <= at:
            assert found == at - HEADER
            return
    pytest.fail("No record ended with its page.")
