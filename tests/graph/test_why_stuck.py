"""Why an execution is stalled: each reason, what it rests on, and what a recovery would do."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from db.enums import ExecutionStatus, StepStatus
from db.queries.diagnosis import spoken
from graph.ids import Kind, encode
from graph.scalars import parse_duration
from tests.client import Client
from tests.conftest import Statements
from tests.factories import NOW, Factory
from tests.graph.test_types import iso
from tests.graph.world import lease

WHY = """status at leaseHolder leaseExpiresAt leaseLeft heartbeatAt heartbeatAge reasons { code message }
    steps { key attempt status runningFor p95 samples slow step { id } }
    lastEvent { seq } lastLog { seq }
    recovery { checkpoint { seq } keptSteps { key attempt } rerunSteps { key attempt } }"""
RUNNING = ExecutionStatus.RUNNING


async def why(client: Client, execution: UUID) -> dict[str, Any]:
    """What is told of an execution."""
    document = f"query ($id: ID!) {{ execution(id: $id) {{ whyStuck {{ {WHY} }} }} }}"
    found: dict[str, Any] = (await client.ask(document, id=encode(Kind.EXECUTION, execution)))["execution"][
        "whyStuck"
    ]
    return found


async def codes(client: Client, execution: UUID) -> list[str]:
    """The reasons' codes."""
    return [reason["code"] for reason in (await why(client, execution))["reasons"]]


def ago(**length: float) -> datetime:
    """A moment before now."""
    return datetime.now(UTC) - timedelta(**length)


REASONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "waiting": ({}, ["PENDING_UNCLAIMED"]),
    "paused": ({"status": ExecutionStatus.PAUSED}, ["PAUSED"]),
    "well": (lease(), ["NOT_STUCK"]),
    "well beaten": ({**lease(seconds=5000), "heartbeat_at": ago(seconds=10)}, ["NOT_STUCK"]),
    "over": (lease(seconds=-60), ["LEASE_EXPIRED"]),
    "released": ({"status": RUNNING, "lease_epoch": 3}, ["LEASE_RELEASED"]),
    "missed a beat": ({**lease(seconds=2000), "heartbeat_at": ago(seconds=9000)}, ["NO_HEARTBEAT"]),
    "never leased": ({"status": RUNNING}, ["NOT_STUCK"]),
    "completed": ({"status": ExecutionStatus.COMPLETED}, ["NOT_STUCK"]),
    "failed": ({"status": ExecutionStatus.FAILED}, ["NOT_STUCK"]),
}


@pytest.mark.parametrize("name", REASONS)
async def test_a_reason_has_its_code(client: Client, make: Factory, name: str) -> None:
    columns, wanted = REASONS[name]
    assert await codes(client, await make.execution(**columns)) == wanted


async def test_silence_without_a_lease_is_a_reason(client: Client, make: Factory) -> None:
    await make.events(execution := await make.execution(status=RUNNING), at=ago(minutes=6))
    assert await codes(client, execution) == ["NO_HEARTBEAT"]


async def test_a_pending_execution_with_a_lease_is_claimed(client: Client, make: Factory) -> None:
    columns = {**lease(), "status": ExecutionStatus.PENDING}
    assert await codes(client, await make.execution(**columns)) == ["NOT_STUCK"]


async def with_history(make: Factory, lengths: list[float]) -> UUID:
    """A workflow whose step `a` took so many seconds."""
    workflow = await make.workflow()
    for length in lengths:
        execution = await make.execution(workflow)
        await make.steps(execution, key="a", started_at=NOW, completed_at=NOW + timedelta(seconds=length))
    return workflow


async def running(make: Factory, workflow: UUID, seconds: float, **given: Any) -> UUID:
    """An execution whose step `a` has been running for so long."""
    execution = await make.execution(workflow, **lease())
    columns = {"key": "a", "status": StepStatus.RUNNING, "started_at": ago(seconds=seconds), **given}
    await make.steps(execution, **columns)
    return execution


@pytest.mark.parametrize(
    ("seconds", "samples", "code"),
    [(60, 5, "STEP_SLOW"), (5, 5, "NOT_STUCK"), (60, 4, "NOT_STUCK"), (60, 0, "NOT_STUCK")],
)
async def test_a_step_is_slow_beside_what_is_usual(
    client: Client, make: Factory, seconds: float, samples: int, code: str
) -> None:
    execution = await running(make, await with_history(make, [10.0] * samples), seconds)
    found = await why(client, execution)
    assert [reason["code"] for reason in found["reasons"]] == [code]
    assert (found["steps"][0]["samples"], found["steps"][0]["slow"]) == (samples, code == "STEP_SLOW")


async def test_a_step_under_way_shows_its_progress(client: Client, make: Factory) -> None:
    execution = await running(make, await with_history(make, [1, 2, 3, 4, 5]), 60)
    (step,) = (await why(client, execution))["steps"]
    assert 60 <= parse_duration(step.pop("runningFor")).total_seconds() < 70
    assert step == {
        "key": "a",
        "attempt": 1,
        "status": "RUNNING",
        "p95": "PT4.8S",
        "samples": 5,
        "slow": True,
        "step": {"id": encode(Kind.STEP, execution, 1)},
    }


async def test_steps_of_other_workflows_are_no_measure(client: Client, make: Factory) -> None:
    await with_history(make, [1.0] * 9)
    execution = await running(make, await make.workflow(), 60)
    assert (await why(client, execution))["steps"][0]["p95"] is None


async def test_a_step_that_waits_for_its_next_attempt_is_a_reason(client: Client, make: Factory) -> None:
    execution = await running(make, await make.workflow(), 1, status=StepStatus.RETRYING)
    assert await codes(client, execution) == ["STEP_RETRYING"]


async def test_the_gravest_reason_comes_first(client: Client, make: Factory) -> None:
    workflow = await with_history(make, [1.0] * 5)
    execution = await make.execution(workflow, **lease(seconds=-1))
    await make.steps(execution, key="a", status=StepStatus.RUNNING, started_at=ago(hours=1))
    assert await codes(client, execution) == ["LEASE_EXPIRED", "STEP_SLOW"]


async def test_the_lease_is_told_by_the_databases_clock(client: Client, make: Factory) -> None:
    columns = {**lease(seconds=-90), "heartbeat_at": ago(seconds=120)}
    found = await why(client, await make.execution(**columns))
    assert (found["leaseHolder"], found["leaseExpiresAt"]) == ("engine", iso(columns["lease_expires_at"]))
    left, age = (parse_duration(found[name]).total_seconds() for name in ("leaseLeft", "heartbeatAge"))
    assert (-100 < left <= -90, 120 <= age < 130) == (True, True)
    assert "'engine' ended 1 min 30 s ago" in found["reasons"][0]["message"]


async def test_the_newest_event_and_log_are_shown(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await make.events(execution, 3)
    await make.logs(execution, 2)
    found = await why(client, execution)
    assert (found["lastEvent"], found["lastLog"]) == ({"seq": 3}, {"seq": 2})


async def test_without_history_nothing_is_shown_of_it(client: Client, make: Factory) -> None:
    found = await why(client, await make.execution())
    assert (found["lastEvent"], found["lastLog"], found["steps"]) == (None, None, [])
    assert found["recovery"] == {"checkpoint": None, "keptSteps": [], "rerunSteps": []}


async def test_the_plan_is_what_a_recovery_does(client: Client) -> None:
    definition = {"steps": [{"key": key} for key in "abc"]}
    workflow = await client.done("createWorkflow", name="w", version="1", definition=definition)
    of_workflow = {"workflowId": workflow["workflow"]["id"]}
    id = (await client.done("createExecution", **of_workflow))["execution"]["id"]
    await client.done("acquireLease", executionId=id, holder="engine")
    for key, label in (("a", "kept"), ("b", None)):
        await client.done("startStep", executionId=id, key=key, epoch=1)
        checkpoint = {"checkpoint": {"label": label}} if label else {}
        await client.done("commitStep", executionId=id, step={"key": key}, epoch=1, **checkpoint)
    await client.done("startStep", executionId=id, key="c", epoch=1)
    planned = (await why(client, UUID(id[5:])))["recovery"]
    assert planned == {
        "checkpoint": {"seq": 1},
        "keptSteps": [{"key": "a", "attempt": 1}],
        "rerunSteps": [{"key": "b", "attempt": 1}, {"key": "c", "attempt": 1}],
    }
    plan = await client.done("recoverExecution", executionId=id, holder="next", plan=True)
    shown = {name: [step["id"] for step in plan[name]] for name in ("keptSteps", "rerunSteps")}
    assert shown == {"keptSteps": [step_id(id, 1)], "rerunSteps": [step_id(id, 2), step_id(id, 3)]}


def step_id(execution: str, seq: int) -> str:
    """The id of an attempt."""
    return encode(Kind.STEP, UUID(execution[5:]), seq)


@pytest.mark.parametrize("rows", [3, 100])
async def test_why_costs_its_statements_once(
    client: Client, make: Factory, statements: Statements, rows: int
) -> None:
    parent = await make.family(rows)
    await statements.clear()
    await client.ask(
        f"query ($id: ID!, $n: Int!) {{ execution(id: $id) {{ children(first: $n) "
        f"{{ nodes {{ whyStuck {{ {WHY} }} }} }} }} }}",
        id=encode(Kind.EXECUTION, parent),
        n=rows,
    )
    # The execution, its children, the facts, events, log entries, plans, and the steps to run again.
    assert len(statements) <= 8, statements.seen


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (-1, "0 ms"),
        (0.25, "250 ms"),
        (1, "1 s"),
        (59.9, "59 s"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (90_000, "1 d 1 h"),
        (86_400 * 400, "400 d"),
    ],
)
def test_lengths_are_told_in_two_units(seconds: float, words: str) -> None:
    assert spoken(timedelta(seconds=seconds)) == words
