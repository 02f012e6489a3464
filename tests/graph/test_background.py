"""Jobs beside the requests: one that fails is said, counted and done again, and disturbs nobody."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from db.errors import Unavailable
from graph import background
from graph.background import Background, Job
from tests.patience import settled
from tests.telemetry.test_logs import kept


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are followed by short pauses, and who stops waits shortly."""
    monkeypatch.setattr(background, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(background, "STOP_SECONDS", 0.1)


def failing(*errors: BaseException) -> Callable[[], Awaitable[None]]:
    """Work that raises each of these in its turn, and then goes well."""
    left = list(errors)

    async def work() -> None:
        await asyncio.sleep(0)
        if left:
            raise left.pop(0)

    return work


async def run(*jobs: Job, rounds: int, failed: list[str] | None = None) -> None:
    """Run the jobs until each has done so many rounds."""
    beside = Background((failed if failed is not None else []).append)
    beside.add(*jobs)
    async with beside.running():
        assert await settled(lambda: all(job.rounds >= rounds for job in jobs))


@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError(), Unavailable("gone")])
async def test_a_job_that_raises_is_done_again(error: BaseException) -> None:
    job, failed = Job("ours", failing(error, error), every=0.001), list[str]()
    await run(job, rounds=4, failed=failed)
    assert (failed, job.failures, job.failures_in_a_row) == (["ours", "ours"], 2, 0)


async def test_a_fault_of_ours_is_logged_with_its_traceback() -> None:
    with kept("flowkeep.background") as lines:
        await run(Job("ours", failing(ValueError("a bug")), every=0.001), rounds=2)
    assert [line["level"] for line in lines] == ["error", "info"]
    assert "in work" in lines[0]["traceback"]


async def test_a_database_that_is_away_is_no_fault() -> None:
    with kept("flowkeep.background") as lines:
        await run(Job("ours", failing(Unavailable("It is away.")), every=0.001), rounds=2)
    assert lines[0]["level"] == "warning"
    assert "It is away." in lines[0]["message"]


async def test_what_goes_on_failing_is_said_less_and_less_often() -> None:
    job = Job("ours", failing(*[Unavailable("away")] * 100), every=0.001)
    with kept("flowkeep.background") as lines:
        await run(job, rounds=100)
    assert len([line for line in lines if line["level"] == "warning"]) == 7


async def test_the_others_go_on() -> None:
    faulty, other = Job("faulty", failing(*[ValueError()] * 50)), Job("other", failing(), every=0.001)
    await run(faulty, other, rounds=20)
    assert (faulty.failing, other.failures) == (True, 0)


def test_pauses_double_to_a_minute() -> None:
    job = Job("ours", failing(), every=3600)
    pauses = []
    for job.failures_in_a_row in (0, 1, 2, 3, 7, 100):
        pauses.append(job.pause / background.FIRST_PAUSE)
    assert pauses == [3_600_000, 1, 2, 4, 64, 1024]


async def test_who_does_not_stop_is_named_and_left_behind() -> None:
    released = asyncio.Event()

    async def deaf() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    beside = Background()
    beside.add(Job("deaf", deaf))
    with kept("flowkeep.background") as lines:
        async with beside.running():
            await asyncio.sleep(0.01)
    released.set()
    assert "deaf" in lines[-1]["message"]
