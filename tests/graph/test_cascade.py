"""A parent that is cancelled takes its children along, unless told otherwise."""

from typing import Any
from uuid import UUID

import pytest

from db.engine import Database
from db.enums import TERMINAL_EXECUTION, ExecutionStatus
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id, read_events, read_execution
from tests.graph.world import lease
from tests.rows import everything, rows

GOES_ON = [status for status in ExecutionStatus if status not in TERMINAL_EXECUTION]


async def statuses(database: Database) -> dict[UUID, str]:
    """How every execution stands."""
    return {UUID(row["id"]): row["status"] for row in await rows(database, "executions")}


async def lineage(make: Factory, generations: int) -> list[UUID]:
    """A RUNNING execution, a child of it, a child of that, and so on."""
    line = [await make.execution(status=ExecutionStatus.RUNNING)]
    for _ in range(generations):
        line.append(await make.execution(parent_id=line[-1], status=ExecutionStatus.RUNNING))
    return line


@pytest.mark.parametrize("status", GOES_ON)
async def test_a_child_that_goes_on_is_cancelled_with_its_parent(
    client: Client, make: Factory, status: ExecutionStatus
) -> None:
    parent = await make.execution()
    child = await make.execution(parent_id=parent, status=status)
    await client.done("transitionExecution", executionId=exec_id(parent), to="CANCELLED")
    found, (event,) = await read_execution(client, child), await read_events(client, child)
    assert (found["status"], found["completedAt"] is not None) == ("CANCELLED", True)
    assert (event["type"], event["actor"], event["changes"]) == (
        *("STATUS_CHANGED", "anonymous"),
        {
            "status": {"before": status, "after": "CANCELLED"},
            "parentClosed": {"execution": exec_id(parent), "status": "CANCELLED"},
        },
    )


async def test_children_of_children_go_too_and_name_their_own_parent(
    client: Client, database: Database, make: Factory
) -> None:
    line = await lineage(make, 5)
    await client.done("transitionExecution", executionId=exec_id(line[0]), to="CANCELLED")
    assert await statuses(database) == dict.fromkeys(line, "CANCELLED")
    closed = [(await read_events(client, child))[0]["changes"]["parentClosed"] for child in line[1:]]
    assert [one["execution"] for one in closed] == [exec_id(parent) for parent in line[:-1]]


async def test_a_childs_lease_ends_and_nobody_claims_it(client: Client, make: Factory) -> None:
    parent = await make.execution(status=ExecutionStatus.RUNNING)
    child, waiting = await make.execution(parent_id=parent, **lease()), await make.execution(parent_id=parent)
    await client.done("transitionExecution", executionId=exec_id(parent), to="CANCELLED")
    assert (await read_execution(client, child))["lease"]["holder"] is None
    changes = (await read_events(client, child))[0]["changes"]
    assert changes["leaseHolder"] == {"before": "engine", "after": None}
    assert (await client.done("claimExecutions", holder="w", limit=100))["executions"] == []
    late = await client.write("heartbeat", executionId=exec_id(child), holder="engine", epoch=5)
    assert (late["__typename"], (await read_execution(client, waiting))["status"]) == (
        *("InvalidTransition", "CANCELLED"),
    )


@pytest.mark.parametrize("status", TERMINAL_EXECUTION)
async def test_a_child_that_has_ended_stays_and_so_does_what_it_left_behind(
    client: Client, database: Database, make: Factory, status: ExecutionStatus
) -> None:
    parent = await make.execution()
    child = await make.execution(parent_id=parent, status=status)
    grandchild = await make.execution(parent_id=child)
    await client.done("transitionExecution", executionId=exec_id(parent), to="CANCELLED")
    assert await statuses(database) == {parent: "CANCELLED", child: status, grandchild: "PENDING"}


@pytest.mark.parametrize(
    ("to", "cascade", "cancelled"),
    [
        *(("CANCELLED", cascade, cascade is not False) for cascade in (None, True, False)),
        *((to, True, True) for to in ("COMPLETED", "FAILED", "TIMED_OUT")),
        *((to, None, False) for to in ("COMPLETED", "FAILED", "TIMED_OUT")),
    ],
)
async def test_only_cancelling_cascades_unless_told(
    client: Client, make: Factory, to: str, cascade: bool | None, cancelled: bool
) -> None:
    parent = await make.execution(status=ExecutionStatus.RUNNING)
    child = await make.execution(parent_id=parent)
    await client.done("transitionExecution", executionId=exec_id(parent), to=to, cascade=cascade)
    assert ((await read_execution(client, child))["status"] == "CANCELLED") == cancelled
    if cancelled:
        assert (await read_events(client, child))[0]["changes"]["parentClosed"]["status"] == to


async def test_children_that_were_left_can_be_cancelled_after_their_parent(
    client: Client, database: Database, make: Factory
) -> None:
    parent = await make.execution()
    child = await make.execution(parent_id=parent)
    given: dict[str, Any] = {"executionId": exec_id(parent), "to": "CANCELLED"}
    await client.done("transitionExecution", **given, cascade=False)
    await client.done("transitionExecution", **given)
    assert await statuses(database) == {parent: "CANCELLED", child: "CANCELLED"}


@pytest.mark.parametrize("to", ["RUNNING", "PAUSED"])
async def test_what_is_no_end_cascades_nowhere(
    client: Client, database: Database, make: Factory, to: str
) -> None:
    parent = exec_id((await lineage(make, 1))[0])
    before = await everything(database)
    answer = await client.write("transitionExecution", executionId=parent, to=to, cascade=True)
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


async def test_others_children_go_on(client: Client, database: Database, make: Factory) -> None:
    parent, other = await make.execution(), await make.execution()
    child = await make.execution(parent_id=other)
    await client.done("transitionExecution", executionId=exec_id(parent), to="CANCELLED")
    assert await statuses(database) == {parent: "CANCELLED", other: "PENDING", child: "PENDING"}


async def test_a_parent_that_was_cancelled_gets_no_more_children(
    client: Client, database: Database, make: Factory
) -> None:
    parent = exec_id(await make.execution(status=ExecutionStatus.CANCELLED))
    await make.workflow(name="late")
    before = await everything(database)
    answer = await client.write("createExecution", workflowName="late", parentId=parent)
    assert (answer["__typename"], "is CANCELLED" in answer["message"]) == ("InvalidInput", True)
    assert await everything(database) == before
