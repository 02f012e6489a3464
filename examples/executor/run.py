"""Runs one execution: its steps in parallel as they become ready, each committed as soon as it is done."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import count
from typing import Any

from examples.executor.client import Claimed, Flowkeep, InvalidTransition, Recovered, Refused, StaleLease
from examples.executor.definition import Step, read_steps
from examples.executor.runners import run_attempt
from examples.executor.tasks import Context

logger = logging.getLogger("executor")

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed, in the form that the API keeps."""

    message: str
    code: str

    def as_input(self, *, retriable: bool) -> dict[str, Any]:
        """The API's input."""
        return {"message": self.message, "code": self.code, "retriable": retriable}


class Run:
    """One execution under one lease. `slots` bounds the steps that the whole worker runs at a time."""

    def __init__(
        self, flowkeep: Flowkeep, claimed: Claimed, since: Recovered, slots: asyncio.Semaphore
    ) -> None:
        self._flowkeep = flowkeep
        self._lease = since.lease
        self._input = claimed.input
        self._steps = read_steps(claimed.definition)
        self._outputs = dict(since.outputs)
        self._completed = list(since.completed)
        self._slots = slots
        # The list of completed steps grows by one step at a time: commits of one execution take turns.
        self._committing = asyncio.Lock()

    async def all_steps(self) -> Failure | None:
        """Run what is not done yet. After a failure nothing new is started; what runs is let to its end."""
        sorter = TopologicalSorter({step.key: step.depends_on for step in self._steps.values()})
        sorter.prepare()
        failure: Failure | None = None
        running: set[asyncio.Task[tuple[str, Failure | None]]] = set()
        async with asyncio.TaskGroup() as group:
            while sorter.is_active():
                for key in sorter.get_ready() if failure is None else ():
                    running.add(group.create_task(self._step(self._steps[key])))
                if not running:
                    break
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for key, wrong in (task.result() for task in ended):
                    if wrong is None:
                        sorter.done(key)
                    else:
                        failure = failure or wrong
        return failure

    def result(self) -> dict[str, Any]:
        """The execution's result: the outputs of the steps that no other depends on."""
        inner = {key for step in self._steps.values() for key in step.depends_on}
        return {key: output for key, output in self._outputs.items() if key not in inner}

    async def _step(self, step: Step) -> tuple[str, Failure | None]:
        """One step with its retries; they are counted from where this worker took over."""
        if step.key in self._outputs:
            return step.key, None
        for tries in count(1):
            async with self._slots:
                failure = await self._attempt(step, tries)
            if failure is None or tries > step.retries:
                break
            await asyncio.sleep(min(_FIRST_PAUSE * 2**tries, _LONGEST_PAUSE))
        return step.key, failure

    async def _attempt(self, step: Step, tries: int) -> Failure | None:
        attempt = await self._flowkeep.start_step(self._lease, step, tries)
        inputs = {key: self._outputs[key] for key in step.depends_on}
        context = Context(self._lease.execution, step.key, attempt, step.arguments, inputs, self._input)
        # Gathered, so that whatever a task raises is a value here and not the end of the worker.
        outcome: Any = (await asyncio.gather(run_attempt(step, context), return_exceptions=True))[0]
        if not isinstance(outcome, BaseException):
            failure = await self._commit_output(step, context, outcome)
        else:
            failure = Failure(str(outcome) or repr(outcome), type(outcome).__name__)
        if failure is None:
            return None
        logger.info("%s %s attempt %d: %s", self._lease.execution, step.key, attempt, failure.message)
        await self._commit_failure(step, context, failure, final=tries > step.retries)
        return failure

    async def _commit_output(self, step: Step, context: Context, output: Any) -> Failure | None:
        """Commit an output; returns what is wrong with it where Flowkeep won't keep it (too large, say)."""
        async with self._committing:
            completed = [*self._completed, step.key]
            state = {
                "variablesPatch": {step.key: output},
                "currentStep": step.key,
                "completedSteps": completed,
            }
            ended = {"status": "COMPLETED", "output": output}
            try:
                await self._commit(step, context, ended, state=state, checkpoint={"label": step.key})
            except (StaleLease, InvalidTransition):
                raise
            except Refused as refused:
                return Failure(str(refused), refused.code)
            self._completed = completed
            self._outputs[step.key] = output
        return None

    async def _commit_failure(self, step: Step, context: Context, failure: Failure, *, final: bool) -> None:
        """Commit a failed attempt. No checkpoint: a recovery goes back to before it and tries again."""
        ended = {
            "status": "FAILED" if final else "RETRYING",
            "error": failure.as_input(retriable=not final),
        }
        more = {"state": {"currentStep": step.key, "failedSteps": [step.key]}} if final else {}
        async with self._committing:
            await self._commit(step, context, ended, **more)

    async def _commit(self, step: Step, context: Context, ended: Mapping[str, Any], **parts: Any) -> None:
        logs = [
            {"level": line.level, "message": line.message, "loggedAt": line.logged_at}
            for line in context.lines
        ]
        commit = {"step": {"key": step.key, **ended}, "logs": logs, **parts}
        await self._flowkeep.commit_step(self._lease, step.key, context.attempt, commit)
