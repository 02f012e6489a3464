"""Claims executions, keeps their leases alive while they run, and lets go of those that are lost."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from examples.executor.client import (
    Claimed,
    Flowkeep,
    Lease,
    Recovered,
    Refused,
    Unreachable,
)
from examples.executor.definition import Unrunnable
from examples.executor.run import Failure, Run

logger = logging.getLogger("executor")

_LONGEST_IDLE = 1.0
_BEATS_PER_LEASE = 3


class Paused(Exception):
    """Somebody paused the execution: it is let go, and claimed again when it is resumed."""


class Worker:
    """Runs up to `executions` at a time, with `steps` of them all at a time."""

    def __init__(
        self, flowkeep: Flowkeep, workflows: Sequence[str] | None, executions: int, steps: int
    ) -> None:
        self._flowkeep = flowkeep
        self._workflows = workflows
        self._most = executions
        self._slots = asyncio.Semaphore(steps)
        self._driving: set[asyncio.Task[None]] = set()

    async def work(self, *, once: bool) -> None:
        """Claim and run until cancelled; with `once` until there is nothing left to claim."""
        try:
            while True:
                found = await self._claim()
                if once and not found and not self._driving:
                    return
                await self._idle()
        finally:
            for task in self._driving:
                task.cancel()
            await asyncio.gather(*self._driving, return_exceptions=True)

    async def _claim(self) -> bool:
        """Claim as many as there is room for; whether there were any."""
        room = self._most - len(self._driving)
        if room == 0:
            return False
        try:
            claimed = await self._flowkeep.claim(room, self._workflows)
        except Unreachable as error:
            logger.warning("nothing can be claimed: %s", error)
            return True
        for one in claimed:
            task = asyncio.create_task(self._drive(one))
            self._driving.add(task)
            task.add_done_callback(self._forget)
        return bool(claimed)

    async def _idle(self) -> None:
        """Until an execution has ended, or for a moment: new ones and orphans may have come."""
        pause = min(_LONGEST_IDLE, self._flowkeep.ttl / _BEATS_PER_LEASE)
        if self._driving:
            await asyncio.wait(self._driving, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(pause)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._driving.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Not foreseen: the lease runs out, and whoever claims the execution next may fare better.
            logger.error("an execution was dropped", exc_info=error)

    async def _drive(self, claimed: Claimed) -> None:
        """One execution from its claim to its end, or until it is somebody else's."""
        lease = claimed.lease
        try:
            since = Recovered(lease, {}, ())
            if claimed.has_history:
                since = await self._flowkeep.recover(lease)
                lease = since.lease
            logger.info("%s (%s) from %d steps", lease.execution, claimed.workflow, len(since.outputs))
            await self._run(claimed, since)
            logger.info("%s has ended", lease.execution)
        except asyncio.CancelledError:
            await self._release(lease)
            raise
        except Paused:
            logger.info("%s is paused", lease.execution)
            await self._release(lease)
        except (Refused, Unreachable) as error:
            logger.warning("%s is let go: %s: %s", lease.execution, type(error).__name__, error)

    async def _run(self, claimed: Claimed, since: Recovered) -> None:
        try:
            run = Run(self._flowkeep, claimed, since, self._slots)
            failure = await self._hold(run, since.lease)
        except Unrunnable as error:
            failure = Failure(str(error), type(error).__name__)
        if failure is not None:
            await self._flowkeep.end(since.lease, "FAILED", error=failure.as_input(retriable=False))
        else:
            await self._flowkeep.end(since.lease, "COMPLETED", result=run.result())

    async def _hold(self, run: Run, lease: Lease) -> Failure | None:
        """Run the steps while the lease is kept; whatever ends one of the two ends both."""
        try:
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(self._beat(lease))
                failure = await run.all_steps()
                beating.cancel()
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors
        return failure

    async def _beat(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(self._flowkeep.ttl / _BEATS_PER_LEASE)
            if await self._flowkeep.heartbeat(lease) == "PAUSED":
                raise Paused

    async def _release(self, lease: Lease) -> None:
        """Give the lease up, unless it is gone or can't be given up: then it runs out."""
        with suppress(Refused, Unreachable):
            await self._flowkeep.release(lease)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What came first: the others are its consequences."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
