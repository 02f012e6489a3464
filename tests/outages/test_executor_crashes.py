"""Executors that are killed and frozen at any moment: what was acknowledged stays, and nothing is lost."""

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from db.engine import Database
from examples.executor.client import Flowkeep, StaleLease
from examples.executor.definition import read_steps
from tests.client import Client
from tests.outages.effects import effects
from tests.outages.processes import Executor, check
from tests.outages.runs import (
    EVERYTHING,
    PARALLEL,
    create,
    executions,
    fan,
    until_completed,
    until_step,
)
from tests.patience import settled

pytestmark = pytest.mark.slow

KILLS = 50
EXECUTORS = 3
BUSY = 8  # executions that are kept going while executors are killed

Acknowledged = dict[tuple[str, str], dict[str, Any]]


def acknowledged(found: list[dict[str, Any]]) -> Acknowledged:
    """The attempts that are COMPLETED and have their checkpoint, by execution and step."""
    return {
        (one["id"], step["key"]): step
        for one in found
        for step in one["steps"]["nodes"]
        if step["status"] == "COMPLETED"
        and step["key"] in {checkpoint["stepKey"] for checkpoint in one["checkpoints"]["nodes"]}
    }


async def kill_many(client: Client, definition: dict[str, Any], start: Iterator[Executor]) -> Acknowledged:
    """Kill executors while they hold executions; what was acknowledged by then must stay at every look."""
    seen: Acknowledged = {}
    executors = {one.holder: one for one in (next(start) for _ in range(EXECUTORS))}
    for _ in range(KILLS):
        victim = None
        while victim is None:
            await asyncio.sleep(random.uniform(0.05, 0.4))
            found = await executions(client)
            going = [one for one in found if one["status"] != "COMPLETED"]
            await create(client, definition, max(0, BUSY - len(going)))
            holders = {one["lease"]["holder"] for one in going} & executors.keys()
            victim = random.choice(sorted(holders)) if holders else None
        executors.pop(victim).kill()
        now = acknowledged(await executions(client))
        assert {place: now.get(place) for place in seen} == seen
        seen = now
        fresh = next(start)
        executors[fresh.holder] = fresh
    # One that was only just started may not listen to signals yet.
    assert {one.stop() for one in executors.values()} <= {0, -signal.SIGTERM}
    return seen


async def test_no_acknowledged_step_is_lost_or_run_again(
    flowkeep: Client, url: str, worker_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "effects"
    definition = fan(file, 0.05)
    with ExitStack() as stack:

        def started() -> Iterator[Executor]:
            for number in count(1):
                options = ("--ttl", "1", "--executions", "3", "--steps", "6")
                one = Executor(url, f"executor-{number}", tmp_path / f"log-{number}", *options)
                stack.callback(one.kill)
                yield one

        start = started()
        seen = await kill_many(flowkeep, definition, start)
        last = next(start)
        found = await until_completed(flowkeep)
        assert last.stop() == 0

    final = acknowledged(found)
    assert {place: final.get(place) for place in seen} == seen
    ran = effects(file)
    for one in found:
        require_whole(one, set(read_steps(definition)), ran)
    assert check(worker_url).endswith("All is well.\n")


def require_whole(execution: dict[str, Any], keys: set[str], ran: list[tuple[str, str, int]]) -> None:
    """Every step is COMPLETED once, as its last attempt, with one effect; the state tells of each once."""
    last = {step["key"]: step for step in execution["steps"]["nodes"]}
    done = [step["key"] for step in execution["steps"]["nodes"] if step["status"] == "COMPLETED"]
    assert sorted(done) == sorted(execution["state"]["completedSteps"]) == sorted(keys)
    assert {key: step["output"] for key, step in last.items()} == execution["state"]["variables"]
    for key, step in last.items():
        attempts = [attempt for *place, attempt in ran if place == [execution["id"], key]]
        assert (step["status"], max(attempts)) == ("COMPLETED", step["attempt"])
        assert attempts.count(step["attempt"]) == 1


async def test_a_worker_that_slept_through_its_lease_changes_nothing(
    flowkeep: Client, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "effects"
    options = ("--ttl", "1")
    definition = fan(file, 0.3)
    (execution,) = await create(flowkeep, definition)
    with ExitStack() as stack:
        zombie = Executor(url, "zombie", tmp_path / "log-zombie", *options)
        stack.callback(zombie.kill)
        await until_step(flowkeep, execution, "a", "RUNNING")
        zombie.send(signal.SIGSTOP)
        heir = Executor(url, "heir", tmp_path / "log-heir", *options)
        stack.callback(heir.kill)
        await until_completed(flowkeep)
        before = await flowkeep.ask(EVERYTHING, id=execution)
        assert heir.stop() == 0
        zombie.send(signal.SIGCONT)
        # Whether or not its steps still have their effects: it is told, and lets go.
        assert await settled(lambda: "let go: StaleLease" in zombie.log.read_text())
        after = await flowkeep.ask(EVERYTHING, id=execution)
        await create(flowkeep, definition)
        await until_completed(flowkeep)
        assert zombie.stop() == 0
    assert after == before
    steps = before["execution"]["steps"]["nodes"]
    assert {step["attempt"] for step in steps if step["key"] in PARALLEL} == {1, 2}


async def test_the_late_writes_of_a_fenced_worker_are_refused(
    flowkeep: Client, url: str, database: Database, tmp_path: Path
) -> None:
    definition = fan(tmp_path / "effects", 0)
    (execution,) = await create(flowkeep, definition)
    step = read_steps(definition)["start"]
    async with Flowkeep(url, "zombie", 30) as zombie, Flowkeep(url, "heir", 30) as heir:
        (claimed,) = await zombie.claim(1, None)
        attempt = await zombie.start_step(claimed.lease, step, 1)
        async with database.maintaining() as connection:
            await connection.execute("UPDATE executions SET lease_expires_at = now()")
        (taken,) = await heir.claim(1, None)
        assert taken.has_history
        since = await heir.recover(taken.lease)
        before = await flowkeep.ask(EVERYTHING, id=execution)
        output = {
            "step": {"key": "start", "output": "late"},
            "state": {"variablesPatch": {"start": "late"}, "completedSteps": ["start"]},
            "checkpoint": {"label": "late"},
            "logs": [{"message": "late"}],
        }
        late = (
            zombie.commit_step(claimed.lease, "start", attempt, output),
            zombie.start_step(claimed.lease, step, 2),
            zombie.heartbeat(claimed.lease),
            zombie.release(claimed.lease),
            zombie.end(claimed.lease, "COMPLETED"),
            zombie.recover(claimed.lease),
        )
        for answer in await asyncio.gather(*late, return_exceptions=True):
            assert isinstance(answer, StaleLease)
        assert await flowkeep.ask(EVERYTHING, id=execution) == before
        assert await heir.start_step(since.lease, step, 1) == attempt + 1
