"""The process's one writer: what arrives while a batch is being made goes together into the next.

Nobody waits for a timer. A batch starts as soon as a lane is free and a round of the loop brings no more,
with all that has arrived by then; under load the batches grow and the cost of a commit is shared, and a write
that comes alone is made alone. One that is large enough waits for nobody: the cost of its commit is nothing
beside that of its bytes, and the next can be decided while PostgreSQL writes it.
Never two batches with the same execution are under way, so the order of arrival is kept for each.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from db.engine import Database
from db.errors import Contended, FlowkeepError, OutOfTime, Unavailable
from db.retry import ATTEMPTS, FIRST_PAUSE
from db.writes.answers import Answer, Outcome, Submitted, Transaction
from db.writes.batch import Batch, WriteRequest
from db.writes.creations import Creations
from db.writes.needs import Needs
from db.writes.recent import Recent
from db.writes.runnable import Workflows

LANES = 2
MOST_WRITES = 256
MOST_BYTES = 64 * 1024
# Of one: its node commits by itself, where several would have to agree.
MOST_EXECUTIONS_OF_NODES = 1


@dataclass(slots=True, eq=False)
class _Waiting:
    """A write and who waits for its answer."""

    request: Submitted
    size: int
    answer: "asyncio.Future[Outcome]"

    def succeed(self, outcome: Outcome) -> None:
        """Tell whoever still waits what came of it."""
        if not self.answer.done():
            self.answer.set_result(outcome)

    def fail(self, error: BaseException) -> None:
        """Tell whoever still waits why nothing did."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Writer:
    """Makes the writes of a process, in batches.

    At most `lanes` batches are under way, each with at most `most_writes` writes; one that has `most_bytes`
    bytes of input takes no more. Where executions are spread over nodes, a batch is of
    `most_executions_of_nodes` at most.
    A write whose execution another process holds leaves its batch and is made alone, so that nobody else
    waits for that lock.
    """

    def __init__(
        self,
        database: Database,
        together: Callable[[Sequence[Any]], Transaction] = Batch,
        *,
        lanes: int = LANES,
        most_writes: int = MOST_WRITES,
        most_bytes: int = MOST_BYTES,
        most_executions_of_nodes: int = MOST_EXECUTIONS_OF_NODES,
    ) -> None:
        self._database = database
        self._together = together
        self._lanes = lanes
        self._most_writes = most_writes
        self._most_bytes = most_bytes
        self._most_executions_of_nodes = most_executions_of_nodes
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._busy: set[UUID] = set()
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._called = False
        self._arrived = 0
        self._patience = asyncio.Semaphore(LANES)

    async def write(self, request: Submitted) -> Outcome:
        """Make a write; returns its outcome, or that of the first for a repetition.

        Raises the refusal of its decision, and `Unavailable` where the database can't be reached; without
        an idempotency key the outcome is then unknown if the connection was lost during the commit. A
        caller that goes away does not stop a write that has begun.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(request, request.size, loop.create_future())
        self._queue.append(waiting)
        self._bytes += waiting.size
        self._call_soon()
        return await waiting.answer

    def _call_soon(self) -> None:
        # Not at once: what else arrives in the next round of the loop comes along.
        if self._queue and not self._called and self._running < self._lanes:
            self._called, self._arrived = True, 0
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        arrived = len(self._queue)
        if self._arrived < arrived < self._most_writes and self._bytes < self._most_bytes:
            # While each round brings more, the next one may too. Once one brings nothing, nobody waits.
            self._arrived = arrived
            asyncio.get_running_loop().call_soon(self._start)
            return
        self._called = False
        while self._running < self._lanes and (batch := self._take()):
            self._running += 1
            self._spawn(self._lane(batch))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[_Waiting]:
        """The next batch: in the order of arrival, but for executions that are under way."""
        taken: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        own: set[UUID] = set()
        shut = set(self._busy)
        size = 0
        most = self._most_executions_of_nodes if self._database.distributed else self._most_writes
        while self._queue and len(taken) < self._most_writes and size < self._most_bytes:
            one = self._queue.popleft()
            if one.answer.cancelled():
                self._bytes -= one.size
                continue
            request = one.request
            if request.execution_id in shut or (request.exclusive and request.execution_id in own):
                # What comes after it on this execution waits with it, or the order would be lost.
                shut.add(request.execution_id)
                left.append(one)
                continue
            if request.execution_id not in own and len(own) == most:
                left.append(one)
                continue
            taken.append(one)
            own.add(request.execution_id)
            size += one.size
            if request.exclusive:
                shut.add(request.execution_id)
        left.extend(self._queue)
        self._queue = left
        self._bytes -= size
        self._busy |= own
        return taken

    async def _lane(self, waiting: list[_Waiting]) -> None:
        """Make a batch; those whose execution another process holds or that need to see more go on alone."""
        held: list[_Waiting] = []
        try:
            held = await self._make(waiting, skip_locked=True)
        finally:
            # Whatever happens, the lane and its executions are free again, and nobody waits for ever.
            self._running -= 1
            self._release(waiting, held)
            _give_up(one for one in waiting if one not in held)
        alone: dict[UUID, list[_Waiting]] = {}
        for one in held:
            alone.setdefault(one.request.execution_id, []).append(one)
        for execution_id, own in alone.items():
            self._spawn(self._alone(execution_id, own))
        self._call_soon()

    async def _alone(self, execution_id: UUID, waiting: list[_Waiting]) -> None:
        """Make writes to one execution, waiting for its lock."""
        try:
            async with self._patience:
                while waiting:
                    # Again for those that found out only now what more they need to see.
                    waiting = await self._make(waiting, skip_locked=False)
        finally:
            self._busy.discard(execution_id)
            _give_up(waiting)
        self._call_soon()

    def _release(self, waiting: Sequence[_Waiting], held: Sequence[_Waiting]) -> None:
        self._busy.difference_update(one.request.execution_id for one in waiting)
        self._busy.update(one.request.execution_id for one in held)

    async def _make(self, waiting: list[_Waiting], *, skip_locked: bool) -> list[_Waiting]:
        """Make writes and tell who waits; returns those that are to be made alone.

        What fails as a whole is made again: together where the database could not be reached, else one by
        one, so that whoever is at fault hurts nobody else.
        """
        attempt = 1
        while True:
            batch = self._together([one.request for one in waiting])
            (result,) = await asyncio.gather(
                batch.make(self._database, skip_locked=skip_locked), return_exceptions=True
            )
            if not isinstance(result, BaseException):
                return self._settle(waiting, result)
            if batch.committing:
                waiting = _repeatable(waiting, result)
            if attempt == ATTEMPTS or not _passing(result, alone=len(waiting) == 1):
                break
            await asyncio.sleep(FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5))
            attempt += 1
        if len(waiting) == 1 or _passing(result, alone=False):
            for one in waiting:
                one.fail(result)
            return []
        return [held for one in waiting for held in await self._make([one], skip_locked=skip_locked)]

    def _settle(self, waiting: Sequence[_Waiting], answers: Sequence[Answer]) -> list[_Waiting]:
        held, changed = [], {}
        for one, answer in zip(waiting, answers, strict=True):
            if answer is None:
                held.append(one)
            elif isinstance(answer, Needs):
                assert isinstance(one.request, WriteRequest)
                one.request = replace(one.request, needs=one.request.needs | answer)
                held.append(one)
            elif isinstance(answer, FlowkeepError):
                one.fail(answer)
            else:
                changed[one.request.execution_id] = True
                one.succeed(answer)
        for execution_id in changed:
            self._database.committed(execution_id)
        return held


def _give_up(waiting: Iterable[_Waiting]) -> None:
    """Tell who has heard nothing yet; who has hears nothing more."""
    for one in waiting:
        one.fail(Unavailable("This write was broken off; whether it was made is unknown."))


def _passing(error: BaseException, *, alone: bool) -> bool:
    """Whether the same transaction may pass soon; one that lost against another only where it is `alone`."""
    if isinstance(error, Contended):
        return alone
    return isinstance(error, Unavailable) and not isinstance(error, OutOfTime)


def _repeatable(waiting: list[_Waiting], error: BaseException) -> list[_Waiting]:
    """Those that find their own earlier outcome; the others hear that theirs is unknown."""
    repeatable = []
    for one in waiting:
        if one.request.write.key is not None:
            repeatable.append(one)
        else:
            one.fail(
                Unavailable(
                    "The connection to the database was lost during the commit, so whether this write was "
                    "made is unknown. With an idempotency key it can be sent again safely."
                )
                if isinstance(error, Unavailable)
                else error
            )
    return repeatable


_writers: "WeakKeyDictionary[Database, Writer]" = WeakKeyDictionary()
_creators: "WeakKeyDictionary[Database, Writer]" = WeakKeyDictionary()


def writer_of(database: Database) -> Writer:
    """The one writer to the executions of a database in this process."""
    if (writer := _writers.get(database)) is None:
        writer = _writers[database] = Writer(database, partial(Batch, recent=Recent()))
    return writer


def creator_of(database: Database) -> Writer:
    """The one that creates executions."""
    if (creator := _creators.get(database)) is None:
        creator = _creators[database] = Writer(database, partial(Creations, workflows=Workflows()), lanes=1)
    return creator
