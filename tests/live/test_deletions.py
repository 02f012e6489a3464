"""Whatever way executions go, those who follow changes are told, once and in order."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.engine import Database
from db.enums import ExecutionStatus
from db.retention.expiry import expire_deletions
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.live.conftest import Live, Open
from tests.live.follower import Follower
from tests.rows import rows

DELETIONS = """subscription ($filter: ExecutionFilter, $after: String, $start: FeedStart) {
  executionChanges(filter: $filter, after: $after, start: $start) {
    cursor executionId matches event { seq type actor changes } execution { id }
  }
}"""
AGO = datetime.now(UTC) - timedelta(hours=1)
OVER: dict[str, Any] = {"status": ExecutionStatus.COMPLETED, "started_at": AGO, "completed_at": AGO}


async def by_hand(client: Client, workflow: str, execution: str) -> None:
    """One execution."""
    await client.done("deleteExecution", executionId=execution)


async def with_its_workflow(client: Client, workflow: str, execution: str) -> None:
    """A workflow version and what ran of it."""
    await client.done("deleteWorkflow", workflowId=workflow, cascade=True)


async def by_retention(client: Client, workflow: str, execution: str) -> None:
    """What a policy takes."""
    made = await client.done("createRetentionPolicy", name="old", keepExecutions="PT30M")
    await client.done("applyRetention", policyId=made["policy"]["id"])


async def gone(follower: Follower, number: int) -> list[str]:
    """The ids of the next executions that are told of, all of them deleted."""
    items = await follower.take(number)
    assert {item["event"]["type"] for item in items} == {"EXECUTION_DELETED"}
    return [item["executionId"] for item in items]


@pytest.mark.parametrize("way", [by_hand, with_its_workflow, by_retention])
async def test_a_deletion_is_told(
    live: Live, make: Factory, way: Callable[[Client, str, str], Awaitable[None]]
) -> None:
    workflow = await make.workflow(name="nightly")
    key = await make.execution(workflow, event_seq=3, **OVER)
    id = encode(Kind.EXECUTION, key)
    async with live.follow(DELETIONS, filter={"workflowName": {"eq": "nightly"}}, start="NOW") as follower:
        await way(live.client, encode(Kind.WORKFLOW, workflow), id)
        item = await follower.item()
        assert await follower.silent()
    assert item.pop("cursor")
    changes = {"status": {"before": "COMPLETED"}}
    event = {"seq": 4, "type": "EXECUTION_DELETED", "actor": "anonymous", "changes": changes}
    assert item == {"executionId": id, "matches": False, "event": event, "execution": None}


async def test_who_comes_back_hears_of_deletions_in_between(live: Live, make: Factory) -> None:
    first, second = [encode(Kind.EXECUTION, await make.execution(**OVER)) for _ in range(2)]
    async with live.follow(DELETIONS, start="NOW") as follower:
        await live.client.done("deleteExecution", executionId=first)
        cursor = (await follower.item())["cursor"]
    await live.client.done("deleteExecution", executionId=second)
    made = await live.client.done("createExecution", workflowName=await name_of(make))
    async with live.follow(DELETIONS, after=cursor) as follower:
        items = await follower.take(2)
    assert [item["executionId"] for item in items] == [second, made["execution"]["id"]]


async def name_of(make: Factory) -> str:
    """The name of a new workflow."""
    await make.workflow(name="another")
    return "another"


@pytest.mark.parametrize(
    ("narrowed", "told"),
    [
        ({"workflowName": {"startsWith": "night"}}, True),
        ({"workflowName": {"eq": "daily"}}, False),
        ({"workflowName": {"startsWith": "nightly2"}}, False),
        ({"status": ["FAILED", "COMPLETED"]}, True),
        ({"status": ["RUNNING"]}, False),
        ({"createdAt": {"gte": "2020-01-01T00:00:00Z"}}, True),
        ({"createdAt": {"lt": "2020-01-01T00:00:00Z"}}, False),
        ({"tags": {"all": ["eu"]}}, True),  # that nobody knows any more
    ],
    ids=str,
)
async def test_a_filter_takes_deletions_by_what_is_known_of_them(
    live: Live, make: Factory, narrowed: dict[str, Any], told: bool
) -> None:
    id = encode(Kind.EXECUTION, await make.execution(await make.workflow(name="nightly"), **OVER))
    async with live.follow(DELETIONS, filter=narrowed, start="NOW") as follower:
        await live.client.done("deleteExecution", executionId=id)
        assert await (gone(follower, 1) if told else follower.silent()) == ([id] if told else True)


async def test_a_workflow_that_is_followed_by_its_id_is_told_to_its_end(live: Live, make: Factory) -> None:
    workflow, other = await make.workflows([{}, {}])
    mine, foreign = [await make.executions(3, one, **OVER) for one in (workflow, other)]
    chosen = {"workflowId": encode(Kind.WORKFLOW, workflow)}
    async with live.follow(DELETIONS, filter=chosen, start="NOW") as follower:
        for one in (other, workflow):
            await live.client.done("deleteWorkflow", workflowId=encode(Kind.WORKFLOW, one), cascade=True)
        assert await gone(follower, 3) == [encode(Kind.EXECUTION, key) for key in sorted(mine)]
        assert await follower.silent()
    assert len(foreign) == 3


async def test_deletions_wait_for_older_transactions(live: Live, make: Factory, open_: Open) -> None:
    late = await make.execution()
    deleted = encode(Kind.EXECUTION, await make.execution(**OVER))
    async with live.follow(DELETIONS, start="NOW") as follower:
        commit = await open_(late, 1)
        await live.client.done("deleteExecution", executionId=deleted)
        assert await follower.silent()
        await commit()
        ids = [item["executionId"] for item in await follower.take(2)]
    assert ids == [encode(Kind.EXECUTION, late), deleted]


async def test_racing_deletions_come_once_each_in_the_order_of_commits(
    live: Live, make: Factory, database: Database, open_: Open
) -> None:
    keys = [encode(Kind.EXECUTION, key) for key in await make.executions(40, **OVER)]
    others = await make.executions(4)

    async def delete(key: str) -> None:
        await live.client.write("deleteExecution", executionId=key)

    async def with_others_open(at: int) -> None:
        commit = await open_(others[at], 1)
        # Two ask for each, of whom one deletes it.
        await asyncio.gather(*(delete(key) for key in [*keys[at::4], *keys[at::4]]))
        await commit()

    async with live.follow(DELETIONS, start="NOW") as follower:
        await asyncio.gather(*(with_others_open(at) for at in range(4)))
        first = await follower.take(10)
    async with live.follow(DELETIONS, after=first[-1]["cursor"]) as follower:
        rest = await follower.take(34)
        assert await follower.silent()
    told = [item["executionId"] for item in first + rest]
    noted = await rows(database, "deleted_executions")
    written = noted + await rows(database, "events")
    in_order = sorted(written, key=lambda row: (int(row["xid"]), row["execution_id"]))
    assert told == [f"exec_{row['execution_id'].replace('-', '')}" for row in in_order]
    assert len(noted) == 40


async def test_a_deletion_that_is_refused_is_not_told(live: Live, make: Factory) -> None:
    workflow = await make.workflow()
    await make.execution(workflow, **OVER)
    await make.execution(workflow)
    async with live.follow(DELETIONS, start="NOW") as follower:
        answer = await live.client.write(
            "deleteWorkflow", workflowId=encode(Kind.WORKFLOW, workflow), cascade=True
        )
        assert (answer["__typename"], await follower.silent()) == ("InvalidInput", True)


async def test_deletions_are_forgotten_in_time(live: Live, make: Factory, database: Database) -> None:
    old, new = [encode(Kind.EXECUTION, await make.execution(**OVER)) for _ in range(2)]
    for key in (old, new):
        await live.client.done("deleteExecution", executionId=key)
    async with database.maintaining() as connection:
        statement = "UPDATE deleted_executions SET at = at - interval '8 days' WHERE execution_id = $1"
        await connection.execute(statement, old.removeprefix("exec_"))
    assert await expire_deletions(database, timedelta(days=7)) == 1
    async with live.follow(DELETIONS, start="BEGINNING") as follower:
        assert (await gone(follower, 1), await follower.silent()) == ([new], True)
