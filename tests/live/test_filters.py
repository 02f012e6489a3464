"""What narrows a feed holds where it is read, and does not keep it from going on."""

import asyncio
import time
from typing import Any

import pytest

from db.enums import LogLevel
from tests.factories import Factory
from tests.live.conftest import Live
from tests.live.documents import CHANGES, LOGS
from tests.live.follower import Follower
from tests.patience import PATIENCE, settled

LEVELS = [LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARN, LogLevel.ERROR]


async def logged(make: Factory) -> str:
    """An execution with an entry of each level by two steps, one of them tried twice, and by none."""
    execution = await make.execution()
    await make.records(
        execution,
        steps=[
            {"seq": 1, "key": "a"},
            {"seq": 2, "key": "b"},
            {"seq": 3, "key": "a", "attempt": 2},
        ],
        logs=[
            {"seq": seq, "step_seq": step, "level": level}
            for seq, (step, level) in enumerate(
                ((step, level) for step in (1, 2, 3, None) for level in LEVELS), 1
            )
        ],
    )
    return f"exec_{execution.hex}"


NARROWED: dict[str, tuple[dict[str, str], list[int]]] = {
    "step": ({"step": "a"}, [1, 2, 3, 4, 9, 10, 11, 12]),
    "level": ({"level": "ERROR"}, [4, 8, 12, 16]),
    "both": ({"step": "b", "level": "WARN"}, [7, 8]),
    "none": ({"step": "c"}, []),
}


@pytest.mark.parametrize("name", NARROWED)
async def test_logs_of_the_past_are_narrowed(live: Live, make: Factory, name: str) -> None:
    variables, seqs = NARROWED[name]
    async with live.follow(LOGS, id=await logged(make), **variables) as follower:
        assert (await follower.seqs(len(seqs)), await follower.silent()) == (seqs, True)


async def test_logs_of_the_present_are_narrowed(live: Live, make: Factory) -> None:
    key = await logged(make)
    entries = [{"message": level, "level": level} for level in ("INFO", "ERROR", "DEBUG", "WARN")]
    async with live.follow(LOGS, id=key, level="WARN", start="NOW") as follower:
        await live.client.done("appendLogs", executionId=key, entries=entries)
        assert (await follower.seqs(2), await follower.silent()) == ([18, 20], True)


async def test_filters_of_one_execution_do_not_mix(live: Live, make: Factory) -> None:
    key = await logged(make)
    async with (
        live.follow(LOGS, id=key, level="ERROR", start="NOW") as errors,
        live.follow(LOGS, id=key, start="NOW") as all_,
    ):
        entries = [{"message": "x", "level": level} for level in ("INFO", "ERROR")]
        await live.client.done("appendLogs", executionId=key, entries=entries)
        assert (await errors.seqs(1), await all_.seqs(2)) == ([18], [17, 18])


async def test_changes_are_of_executions_that_the_filter_takes(live: Live, make: Factory) -> None:
    workflow, other = await make.workflow(), await make.workflow()
    wanted, unwanted = await make.execution(workflow), await make.execution(other)
    chosen = {"workflowId": f"wf_{workflow.hex}"}
    async with live.follow(CHANGES, filter=chosen) as follower:
        for key in (unwanted, wanted, unwanted):
            await live.client.done("transitionExecution", executionId=f"exec_{key.hex}", to="RUNNING")
        item = await follower.item()
        assert (item["execution"]["id"], await follower.silent()) == (f"exec_{wanted.hex}", True)


async def test_changes_are_judged_by_how_the_execution_is_now(live: Live, make: Factory) -> None:
    key = f"exec_{(await make.execution()).hex}"
    async with live.follow(CHANGES, filter={"status": ["CANCELLED"]}) as follower:
        await live.client.done("transitionExecution", executionId=key, to="RUNNING")
        assert await follower.silent()
        await live.client.done("transitionExecution", executionId=key, to="CANCELLED")
        assert (await follower.item())["execution"]["status"] == "CANCELLED"


MATCHING = """subscription ($filter: ExecutionFilter) {
  executionChanges(filter: $filter, start: NOW) { matches event { seq type } execution { id status } }
}"""


STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("claimExecutions", {"holder": "test", "ttl": "PT60S", "limit": 1}),
    ("transitionExecution", {"to": "FAILED", "error": {"message": "broken"}, "epoch": 1}),
    ("recoverExecution", {}),
)
CLAIMED, FAILED, RECOVERED = "LEASE_ACQUIRED", "STATUS_CHANGED", "EXECUTION_RECOVERED"
TOLD: dict[str, tuple[dict[str, Any], list[tuple[str, bool]]]] = {
    "pending": ({"status": ["PENDING"]}, [(CLAIMED, False), (RECOVERED, True)]),
    "running": ({"status": ["RUNNING"]}, [(CLAIMED, True), (FAILED, False)]),
    "failed": ({"status": ["FAILED"]}, [(FAILED, True), (RECOVERED, False)]),
    "with an error": ({"hasError": True}, [(FAILED, True), (RECOVERED, False)]),
    "ended": (
        {"completedAt": {"lt": "2100-01-01T00:00:00Z"}},
        [(FAILED, True), (RECOVERED, False)],
    ),
    "started": (
        {"startedAt": {"lt": "2100-01-01T00:00:00Z"}},
        [(CLAIMED, True), (FAILED, True), (RECOVERED, True)],
    ),
    "another workflow": ({"workflowName": {"eq": "another"}}, []),
    "another and running": ({"workflowName": {"eq": "another"}, "status": ["RUNNING"]}, []),
    "all": ({}, [(CLAIMED, True), (FAILED, True), (RECOVERED, True)]),
}


def on(key: str, mutation: str) -> dict[str, str]:
    """A claim takes the only execution that there is; the others name it."""
    return {} if mutation == "claimExecutions" else {"executionId": key}


async def moves(follower: Follower, number: int) -> list[tuple[str, bool]]:
    """What is told of so many changes of status, and whatever is told of others soon after."""
    told: list[tuple[str, bool]] = []
    while True:
        try:
            async with asyncio.timeout(PATIENCE if len(told) < number else 0.4):
                item = await follower.item()
        except TimeoutError:
            return told
        if item["event"]["type"] in (CLAIMED, FAILED, RECOVERED):
            told.append((item["event"]["type"], item["matches"]))


@pytest.mark.parametrize("name", TOLD)
async def test_a_filter_tells_who_leaves_it(live: Live, make: Factory, name: str) -> None:
    narrowed, expected = TOLD[name]
    key = f"exec_{(await make.execution()).hex}"
    async with live.follow(MATCHING, filter=narrowed) as follower:
        for mutation, given in STEPS:
            await live.client.done(mutation, **on(key, mutation), **given)
            written = time.monotonic()
            assert await settled(lambda: time.monotonic() - live.tailer.lag > written)  # noqa: B023
        assert await moves(follower, len(expected)) == expected


async def test_who_left_before_it_was_read_is_told_of_by_what_took_it_out(live: Live, make: Factory) -> None:
    key = f"exec_{(await make.execution()).hex}"
    for mutation, given in STEPS[:2]:
        await live.client.done(mutation, **on(key, mutation), **given)
    document = MATCHING.replace("start: NOW", "start: BEGINNING")
    async with live.follow(document, filter={"status": ["RUNNING"]}) as follower:
        items = await follower.take(1)
        assert await follower.silent()
    assert [(item["event"]["type"], item["matches"]) for item in items] == [(FAILED, False)]
