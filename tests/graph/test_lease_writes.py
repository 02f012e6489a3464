"""Leases: claimed by many, held by one, extended, given up and taken over; the epoch only grows."""

from typing import Any
from uuid import UUID

import pytest

from db.engine import Database
from db.enums import ExecutionStatus, Priority
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id, read_events, read_execution
from tests.graph.world import lease
from tests.rows import everything, rows
from tests.serving import serving, settings_of

LIVE = [ExecutionStatus.PENDING, ExecutionStatus.RUNNING, ExecutionStatus.PAUSED]


async def claimed(client: Client, **given: Any) -> list[str]:
    """The ids of what a claim gets."""
    answer = await client.done("claimExecutions", **{"holder": "w", "limit": 100, **given})
    return [execution["id"] for execution in answer["executions"]]


async def test_a_claim_takes_the_oldest_first_and_no_more_than_asked(client: Client, make: Factory) -> None:
    waiting = [exec_id(key) for key in sorted(await make.executions(3))]
    assert [await claimed(client, limit=2), await claimed(client, limit=2)] == [waiting[:2], waiting[2:]]


async def test_what_is_claimed_runs_under_its_lease(client: Client, make: Factory) -> None:
    execution = await make.execution()
    (answer,) = (await client.done("claimExecutions", holder="w", ttl="PT1H"))["executions"]
    assert (answer["status"], answer["lease"]["holder"], answer["lease"]["epoch"]) == ("RUNNING", "w", 1)
    assert (await read_execution(client, execution))["startedAt"]
    assert (await read_events(client, execution))[0]["changes"] == {
        "status": {"before": "PENDING", "after": "RUNNING"},
        "leaseHolder": {"before": None, "after": "w"},
        "leaseEpoch": {"before": 0, "after": 1},
    }


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({}, True),
        ({"status": ExecutionStatus.RUNNING}, False),
        ({"status": ExecutionStatus.PAUSED}, False),
        ({"status": ExecutionStatus.COMPLETED}, False),
        ({"status": ExecutionStatus.FAILED}, False),
        (lease(), False),
        (lease(seconds=-1), True),
        ({"status": ExecutionStatus.RUNNING, "lease_epoch": 2}, True),
        ({**lease(seconds=-1), "status": ExecutionStatus.PAUSED}, False),
        ({**lease(seconds=-1), "status": ExecutionStatus.PENDING}, True),
        ({**lease(), "status": ExecutionStatus.PENDING}, False),
    ],
    ids=[
        *("pending", "running without an engine", "paused", "completed", "failed", "held", "orphan"),
        *("given up", "paused orphan", "pending after its lease", "pending and held"),
    ],
)
async def test_a_claim_takes_what_waits_and_what_was_left_alone(
    client: Client, make: Factory, given: dict[str, Any], taken: bool
) -> None:
    execution = exec_id(await make.execution(**given))
    assert await claimed(client) == ([execution] if taken else [])


async def test_orphans_come_before_what_waits(client: Client, make: Factory) -> None:
    workflow = await make.workflow()
    waiting, orphan = await make.execution(workflow), await make.execution(workflow, **lease(seconds=-1))
    assert [await claimed(client, limit=1), await claimed(client, limit=1)] == [
        [exec_id(orphan)],
        [exec_id(waiting)],
    ]


async def created(client: Client, workflow: UUID) -> str:
    """The id of a new execution."""
    answer = await client.done("createExecution", workflowId=encode(Kind.WORKFLOW, workflow))
    return str(answer["execution"]["id"])


URGENT_FIRST = [Priority.CRITICAL, Priority.HIGH, Priority.NORMAL, Priority.LOW]


async def test_the_urgent_come_first_and_of_those_the_oldest(client: Client, make: Factory) -> None:
    workflows = {priority: await make.workflow(priority=priority) for priority in reversed(URGENT_FIRST)}
    made = {key: [await created(client, key) for _ in range(2)] for key in workflows.values()}
    expected = [execution for priority in URGENT_FIRST for execution in made[workflows[priority]]]
    assert [(await claimed(client, limit=1))[0] for _ in expected[:3]] == expected[:3]
    assert await claimed(client, limit=100) == expected[3:]


async def test_an_orphan_goes_before_what_waits_but_not_before_what_is_more_urgent(
    client: Client, make: Factory
) -> None:
    low, high = await make.workflow(priority=Priority.LOW), await make.workflow(priority=Priority.HIGH)
    older, orphan, urgent = [await created(client, workflow) for workflow in (low, low, high)]
    await client.done("acquireLease", executionId=orphan, holder="gone")
    await client.done("transitionExecution", executionId=orphan, to="RUNNING", epoch=1)
    await client.done("releaseLease", executionId=orphan, holder="gone")
    assert await claimed(client) == [urgent, orphan, older]


async def test_another_priority_holds_for_what_waits_already(client: Client, make: Factory) -> None:
    workflows = [await make.workflow(), await make.workflow()]
    first, second = [await created(client, workflow) for workflow in workflows]
    raised = encode(Kind.WORKFLOW, workflows[1])
    await client.done("updateWorkflow", workflowId=raised, priority="CRITICAL")
    assert await claimed(client) == [second, first]


@pytest.mark.parametrize("again", ["recoverExecution", "forkExecution"])
async def test_what_begins_again_is_as_urgent_as_its_workflow_is_now(
    client: Client, make: Factory, again: str
) -> None:
    workflow, other = await make.workflow(), await make.workflow()
    ended = await created(client, workflow)
    checkpoint = (await client.done("createCheckpoint", executionId=ended))["checkpoint"]["id"]
    await client.done("transitionExecution", executionId=ended, to="CANCELLED")
    await client.done("updateWorkflow", workflowId=encode(Kind.WORKFLOW, workflow), priority="HIGH")
    waits = await created(client, other)
    given = {"executionId": ended} if again == "recoverExecution" else {"checkpointId": checkpoint}
    answer = await client.done(again, **given)
    assert await claimed(client) == [answer["execution"]["id"], waits]


async def test_a_claim_can_be_for_some_workflows_only(client: Client, make: Factory) -> None:
    keys = {name: await make.execution(await make.workflow(name=name)) for name in ("a", "b", "c")}
    names = ["a", "c", "none"]
    assert await claimed(client, workflowNames=names) == sorted(exec_id(keys[name]) for name in "ac")


@pytest.mark.parametrize("names", [[], ["none"]])
async def test_a_claim_for_no_workflow_gets_nothing(client: Client, make: Factory, names: list[str]) -> None:
    await make.execution()
    assert await claimed(client, workflowNames=names) == []


async def test_an_orphan_keeps_its_start_and_gets_another_epoch(client: Client, make: Factory) -> None:
    execution = await make.execution(**lease(epoch=7, seconds=-1))
    before = await read_execution(client, execution)
    await claimed(client)
    after = await read_execution(client, execution)
    assert (after["startedAt"], after["lease"]["epoch"]) == (before["startedAt"], 8)


@pytest.mark.parametrize("status", LIVE)
async def test_a_free_lease_is_taken_without_moving_the_execution(
    client: Client, make: Factory, status: ExecutionStatus
) -> None:
    execution = exec_id(await make.execution(status=status, lease_epoch=4))
    answer = await client.done("acquireLease", executionId=execution, holder="w")
    assert (answer["lease"]["holder"], answer["lease"]["epoch"]) == ("w", 5)
    assert answer["execution"]["status"] == status


@pytest.mark.parametrize(("holder", "seconds"), [("w", 3600), ("w", -1), ("other", -1)])
async def test_a_lease_of_ones_own_or_one_that_is_over_is_taken_with_another_epoch(
    client: Client, make: Factory, holder: str, seconds: float
) -> None:
    execution = exec_id(await make.execution(**lease(holder=holder, seconds=seconds)))
    answer = await client.done("acquireLease", executionId=execution, holder="w")
    assert (answer["lease"]["holder"], answer["lease"]["epoch"]) == ("w", 6)


@pytest.mark.parametrize("mutation", ["acquireLease", "heartbeat", "releaseLease"])
async def test_the_lease_of_another_is_left_alone(
    client: Client, database: Database, make: Factory, mutation: str
) -> None:
    execution = exec_id(await make.execution(**lease(holder="other")))
    before = await everything(database)
    answer = await client.write(mutation, executionId=execution, holder="w")
    assert (answer["__typename"], answer["holder"], answer["epoch"]) == ("StaleLease", "other", 5)
    assert await everything(database) == before


async def test_a_heartbeat_extends_the_lease_under_its_epoch(client: Client, make: Factory) -> None:
    execution = exec_id(await make.execution(**lease(seconds=1)))
    first = (await client.done("heartbeat", executionId=execution, holder="engine", ttl="PT1H"))["lease"]
    then = (await client.done("heartbeat", executionId=execution, holder="engine", ttl="PT2H"))["lease"]
    assert (first["epoch"], then["epoch"], then["expiresAt"] > first["expiresAt"]) == (5, 5, True)


async def test_a_heartbeat_without_a_lease_is_stale(client: Client, make: Factory) -> None:
    execution = exec_id(await make.execution(status=ExecutionStatus.RUNNING, lease_epoch=2))
    answer = await client.write("heartbeat", executionId=execution, holder="w")
    assert (answer["__typename"], answer["holder"], answer["epoch"]) == ("StaleLease", None, 2)


async def test_a_late_heartbeat_revives_nothing_that_has_ended(
    client: Client, database: Database, make: Factory
) -> None:
    execution = exec_id(await make.execution(**lease()))
    await client.done("transitionExecution", executionId=execution, to="CANCELLED", epoch=5)
    before = await everything(database)
    answer = await client.write("heartbeat", executionId=execution, holder="engine", epoch=5)
    assert (answer["__typename"], answer["current"]) == ("InvalidTransition", "CANCELLED")
    assert await everything(database) == before


async def test_a_setting_fences_only_who_shows_an_epoch(
    client: Client, make: Factory, worker_url: str
) -> None:
    execution = exec_id(await make.execution(**lease()))
    settings = settings_of(worker_url, require_epoch=False)
    async with serving(settings) as url:
        lenient = Client(url, client.http)
        saved = await lenient.write("saveState", executionId=execution, variables={"n": 1})
        stale = await lenient.write("saveState", executionId=execution, variables={"n": 2}, epoch=4)
    strict = await client.write("saveState", executionId=execution, variables={"n": 3})
    assert [answer["__typename"] for answer in (saved, stale, strict)] == [
        *("SaveStatePayload", "StaleLease", "StaleLease"),
    ]


async def test_the_last_holder_may_log_after_the_end(client: Client, make: Factory) -> None:
    execution = exec_id(await make.execution(**lease()))
    await client.done("transitionExecution", executionId=execution, to="COMPLETED", epoch=5)
    assert await client.done("appendLogs", executionId=execution, entries=[{"message": "bye"}], epoch=5)


async def test_a_lease_that_was_given_up_can_be_claimed_at_once(client: Client, make: Factory) -> None:
    execution = exec_id(await make.execution(**lease()))
    answer = await client.done("releaseLease", executionId=execution, holder="engine", epoch=5)
    assert (answer["lease"]["holder"], answer["lease"]["expiresAt"], answer["lease"]["epoch"]) == (
        None,
        None,
        5,
    )
    assert await claimed(client) == [execution]


async def test_giving_up_what_nobody_holds_changes_nothing(
    client: Client, database: Database, make: Factory
) -> None:
    execution = exec_id(await make.execution(lease_epoch=3))
    before = await everything(database)
    assert (await client.done("releaseLease", executionId=execution, holder="w"))["lease"]["epoch"] == 3
    assert await everything(database) == before


@pytest.mark.parametrize(("ttl", "seconds"), [(None, 30), ("PT1M", 60), ("P1D", 86_400), ("PT0.5S", 0.5)])
async def test_a_lease_lasts_as_long_as_asked_by_the_databases_clock(
    client: Client, database: Database, make: Factory, ttl: str | None, seconds: float
) -> None:
    await client.done("acquireLease", executionId=exec_id(await make.execution()), holder="w", ttl=ttl)
    async with database.reading() as connection:
        lasts = await connection.fetchval("SELECT lease_expires_at - heartbeat_at FROM executions")
    assert lasts.total_seconds() == seconds


async def test_the_epoch_grows_with_every_new_holder_and_is_never_reset(
    client: Client, make: Factory
) -> None:
    execution = exec_id(await make.execution())
    given = {"executionId": execution, "holder": "w"}
    epochs = [(await claimed(client), (await read_execution(client, execution))["lease"]["epoch"])[1]]
    for mutation in ("acquireLease", "releaseLease", "acquireLease", "heartbeat"):
        epochs.append((await client.done(mutation, **given))["lease"]["epoch"])
    recovered = await client.done("recoverExecution", executionId=execution, force=True)
    epochs.append(recovered["lease"]["epoch"])
    assert epochs == [1, 2, 2, 3, 3, 4]


async def test_every_new_holder_has_its_event(client: Client, database: Database, make: Factory) -> None:
    execution = exec_id(await make.execution(**lease()))
    await client.done("acquireLease", executionId=execution, holder="engine")
    await client.done("releaseLease", executionId=execution, holder="engine")
    assert [(event["type"], event["changes"]) for event in await rows(database, "events")] == [
        (
            "LEASE_ACQUIRED",
            {"leaseHolder": {"before": "engine", "after": "engine"}, "leaseEpoch": {"before": 5, "after": 6}},
        ),
        ("LEASE_RELEASED", {"leaseHolder": {"before": "engine", "after": None}}),
    ]


LATE: dict[str, dict[str, Any]] = {
    "acquireLease": {"holder": "first", "ttl": "PT1H"},
    "heartbeat": {"holder": "first", "ttl": "PT1H"},
    "recoverExecution": {"holder": "first", "ttl": "PT1H"},
}


async def taken_over(client: Client, database: Database, execution: UUID) -> None:
    """The lease of whoever had it ends, and another takes it."""
    async with database.maintaining() as connection:
        await connection.execute("UPDATE executions SET lease_expires_at = now() - interval '1 second'")
    await client.done("acquireLease", executionId=exec_id(execution), holder="second", ttl="PT1H")


@pytest.mark.parametrize("mutation", LATE)
async def test_who_repeats_a_call_is_not_given_the_lease_of_who_came_since(
    client: Client, database: Database, make: Factory, mutation: str
) -> None:
    execution = await make.execution(**lease(holder="first"))
    await make.steps(execution)
    call = {"executionId": exec_id(execution), "idempotencyKey": "once", **LATE[mutation]}
    await client.done(mutation, **call)
    await taken_over(client, database, execution)
    assert (await client.write(mutation, **call))["__typename"] == "StaleLease"


async def test_a_repeated_claim_has_what_is_still_its_own(
    client: Client, database: Database, make: Factory
) -> None:
    lost, kept = await make.executions(2)
    call = {"holder": "first", "ttl": "PT1H", "limit": 2, "idempotencyKey": "once"}
    await client.done("claimExecutions", **call)
    await taken_over(client, database, lost)
    assert await claimed(client, **call) == [exec_id(kept)]
