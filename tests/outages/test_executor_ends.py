"""How executors let go of executions: at failures, when told to stop, and when an execution is taken away."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.outages.processes import Executor
from tests.outages.runs import EVERYTHING, create, until_completed, until_step
from tests.patience import PATIENCE, settled

pytestmark = pytest.mark.slow

MOVE = """mutation ($input: TransitionExecutionInput!) {
  transitionExecution(input: $input) { ... on ExecutionPayload { execution { status } } } }"""
NAP = {"run": {"python": "wait"}, "with": {"seconds": 3}}


@pytest.fixture
def executor(url: str, tmp_path: Path) -> Iterator[Executor]:
    """An executor that is killed at the end, if it still runs then."""
    with ExitStack() as stack:
        executor = Executor(url, "first", tmp_path / "log", "--ttl", "3")
        stack.callback(executor.kill)
        yield executor


async def everything(client: Client, execution: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.ask(EVERYTHING, id=execution))["execution"]
    return found


async def until_ended(client: Client, execution: str) -> dict[str, Any]:
    """Wait until an execution has ended in whatever way."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await everything(client, execution)
            if found["completedAt"] is not None:
                return found
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("step", "statuses", "message"),
    [
        ({"run": {"shell": "echo oh >&2; exit 3"}, "retries": 1}, ["FAILED", "FAILED"], "exit code 3"),
        ({"run": {"python": "no_such"}}, ["FAILED"], "no_such"),
        ({"run": {"python": "wait"}, "with": {}}, ["FAILED"], "seconds"),
        ({"run": {"shell": "head -c 5000000 /dev/zero | tr '\\0' x"}}, ["FAILED"], "too large"),
        ({"run": {"what": "ever"}}, [], "either `python` or `shell`"),
    ],
)
async def test_what_fails_fails_the_execution_and_says_why(
    flowkeep: Client, executor: Executor, step: dict[str, Any], statuses: list[str], message: str
) -> None:
    after = {"key": "after", "dependsOn": ["step"], "run": {"shell": "true"}}
    (execution,) = await create(flowkeep, {"steps": [{"key": "step", **step}, after]})
    ended = await until_ended(flowkeep, execution)
    assert (ended["status"], message in ended["error"]["message"]) == ("FAILED", True)
    assert [one["status"] for one in ended["steps"]["nodes"]] == statuses


async def test_sigterm_gives_leases_up_and_another_goes_on(
    flowkeep: Client, executor: Executor, url: str, tmp_path: Path
) -> None:
    steps = [{"key": "quick", "run": {"shell": "true"}}, {"key": "nap", "dependsOn": ["quick"], **NAP}]
    (execution,) = await create(flowkeep, {"steps": steps})
    await until_step(flowkeep, execution, "nap", "RUNNING")
    assert executor.stop() == 0
    assert (await everything(flowkeep, execution))["lease"]["holder"] is None
    with ExitStack() as stack:
        second = Executor(url, "second", tmp_path / "log-second", "--once")
        stack.callback(second.kill)
        await until_completed(flowkeep)
        assert await asyncio.to_thread(second.process.wait, PATIENCE) == 0
    nodes = (await everything(flowkeep, execution))["steps"]["nodes"]
    attempts = [(one["key"], one["attempt"], one["status"]) for one in nodes]
    assert attempts == [("quick", 1, "COMPLETED"), ("nap", 1, "CANCELLED"), ("nap", 2, "COMPLETED")]


async def test_a_cancelled_execution_is_let_go_and_its_commands_killed(
    flowkeep: Client, executor: Executor, tmp_path: Path
) -> None:
    allowed, file = tmp_path / "allowed", tmp_path / "effect"
    waiting = f"until test -e {allowed}; do sleep 0.05; done; touch {file}"
    steps = [{"key": "long", "run": {"shell": waiting}}]
    (execution,) = await create(flowkeep, {"steps": steps})
    await until_step(flowkeep, execution, "long", "RUNNING")
    await flowkeep.ask(MOVE, input={"executionId": execution, "to": "CANCELLED"})
    assert await settled(lambda: "let go: InvalidTransition" in executor.log.read_text())
    allowed.touch()
    await asyncio.sleep(1)
    assert not file.exists()


async def test_a_paused_execution_is_let_go_and_goes_on_when_resumed(
    flowkeep: Client, executor: Executor
) -> None:
    (execution,) = await create(flowkeep, {"steps": [{"key": "nap", **NAP}]})
    await until_step(flowkeep, execution, "nap", "RUNNING")
    await flowkeep.ask(MOVE, input={"executionId": execution, "to": "PAUSED"})
    assert await settled(lambda: "is paused" in executor.log.read_text())
    await flowkeep.ask(MOVE, input={"executionId": execution, "to": "RUNNING"})
    found = await until_completed(flowkeep)
    assert [step["status"] for step in found[0]["steps"]["nodes"]] == ["CANCELLED", "COMPLETED"]
