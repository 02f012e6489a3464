"""What runs beside the requests for as long as the service does: named jobs, each watched.

A job does one round after another. A round that raises ends neither the job nor the others: it is logged, a
fault of ours with its traceback, counted, and made again after a pause, which doubles from a second to a
minute, or to the job's own interval where that is shorter. `/readyz`, `health { jobs }` and the metric
`flowkeep_job_failures_total` tell which jobs fail.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from db.errors import FlowkeepError

logger = logging.getLogger("flowkeep.background")

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STOP_SECONDS = 3.0
# A round may fail now and then, as when the database restarts.
FAILING_AFTER = 3


@dataclass(slots=True)
class Job:
    """Work that is done again and again, every `every` seconds, and how it went so far.

    `every` is 0 for work that does its own waiting; `first` is how long the first round waits. What the
    service can't be relied on without is `essential`.
    """

    name: str
    work: Callable[[], Awaitable[object]]
    every: float = 0.0
    first: float = 0.0
    essential: bool = False
    rounds: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    last_error: str | None = None
    last_failed_at: datetime | None = None

    @property
    def failing(self) -> bool:
        """Whether it has failed so often in a row that it can't be by chance."""
        return self.failures_in_a_row >= FAILING_AFTER

    @property
    def pause(self) -> float:
        """Seconds until the next round."""
        if not self.failures_in_a_row:
            return self.every
        doubled: float = FIRST_PAUSE * 2 ** min(self.failures_in_a_row - 1, 10)
        return min(doubled, LONGEST_PAUSE, max(self.every, FIRST_PAUSE))


class Background:
    """The jobs of one application; `on_failure` hears the name of each that failed."""

    def __init__(self, on_failure: Callable[[str], None] = lambda name: None) -> None:
        self._on_failure = on_failure
        self._jobs: list[Job] = []

    @property
    def jobs(self) -> Sequence[Job]:
        """All of them, in the order in which they were added."""
        return self._jobs

    def add(self, *jobs: Job) -> None:
        """Have these run too, from the next `running` on."""
        self._jobs += jobs

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the jobs as long as the block; a job that doesn't stop in time is named and left behind."""
        tasks = [asyncio.create_task(self._keep(job), name=job.name) for job in self._jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await ended(tasks, STOP_SECONDS)

    async def _keep(self, job: Job) -> None:
        await asyncio.sleep(job.first)
        while True:
            error = await _outcome(job.work())
            job.rounds += 1
            if error is None:
                self._note_success(job)
            else:
                self._note_failure(job, error)
            await asyncio.sleep(job.pause)

    def _note_success(self, job: Job) -> None:
        if job.failures_in_a_row:
            logger.info("%s goes on after %d failures", job.name, job.failures_in_a_row)
        job.failures_in_a_row = 0

    def _note_failure(self, job: Job, error: BaseException) -> None:
        expected = isinstance(error, FlowkeepError)
        job.failures += 1
        job.failures_in_a_row += 1
        job.last_failed_at = datetime.now(UTC)
        job.last_error = str(error) if expected else f"{type(error).__name__}; the log has its traceback."
        self._on_failure(job.name)
        times = job.failures_in_a_row
        if times & (times - 1):
            return  # what goes on failing is said less and less often: the 1st, 2nd, 4th, 8th time
        again = f"{job.name} failed (in a row: {times}), trying again in {job.pause:g} s"
        if expected:
            logger.warning("%s: %s", again, error)
        else:
            logger.error("%s", again, exc_info=error)


async def ended(tasks: Iterable[asyncio.Task[Any]], seconds: float) -> None:
    """Wait until the tasks have ended, whatever their outcome; the log names those that take longer."""
    if not (waiting := list(tasks)):
        return
    done, late = await asyncio.wait(waiting, timeout=seconds)
    if late:
        names = ", ".join(sorted(task.get_name() for task in late))
        logger.error("Stopping without waiting any longer for: %s", names)
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s did not end in order", task.get_name(), exc_info=error)


async def _outcome(work: Awaitable[object]) -> BaseException | None:
    """Do one round to its end; what it raised, whatever that is."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    return asyncio.CancelledError() if task.cancelled() else task.exception()
