"""Why an execution does not get on, and what a recovery would do about it."""

from asyncio import gather
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import strawberry

from db.errors import NotFound
from db.queries.sources import CHECKPOINTS, EVENTS, LOG_ENTRIES, STEPS
from db.queries.stuck import Facts, Plan, StepUnderWay, reasons
from graph.auth.scopes import READ
from graph.context import Info
from graph.enums import ExecutionStatus, StepStatus, StuckCode
from graph.ids import Kind, encode
from graph.nodes import load_optional
from graph.scalars import Long
from graph.types.records import Event, LogEntry
from graph.types.states import Checkpoint
from graph.types.steps import Step


@strawberry.type(description="One thing that keeps an execution from getting on.")
class StuckReason:
    """A code for programs, a sentence for people."""

    code: StuckCode = strawberry.field(description="What it is.")
    message: str = strawberry.field(description="The same in a sentence, with its particulars.")


@strawberry.type(description="An attempt that is under way, beside what is usual for its step.")
class StepProgress:
    """A step that is RUNNING or RETRYING."""

    execution: strawberry.Private[UUID]
    seq: strawberry.Private[int]
    key: str = strawberry.field(description="The step's key.")
    attempt: int = strawberry.field(description="Which attempt it is.")
    status: StepStatus = strawberry.field(description="RUNNING or RETRYING.")
    running_for: timedelta | None = strawberry.field(description="How long ago it started.")
    p95: timedelta | None = strawberry.field(
        description="95 in 100 attempts were done after that, in the workflow version's newest 200 "
        "executions; null where there was none."
    )
    samples: Long = strawberry.field(description="How many attempts `p95` is made of.")
    slow: bool = strawberry.field(description="Whether it runs longer than `p95`, made of 5 or more.")

    @strawberry.field(description="The attempt.", directives=[READ])
    async def step(self, info: Info) -> Step | None:
        """One statement a level; None where it has gone meanwhile."""
        step: Step | None = await load_optional(info, STEPS, (self.execution, self.seq))
        return step

    @classmethod
    def of(cls, execution: UUID, found: StepUnderWay) -> "StepProgress":
        """The step as it was found."""
        return cls(
            execution=execution,
            seq=found.seq,
            key=found.key,
            attempt=found.attempt,
            status=StepStatus(found.status),
            running_for=found.running_for,
            p95=found.p95,
            samples=Long(found.samples),
            slow=found.slow,
        )


@strawberry.type(description="What `recoverExecution` would do now, without a checkpoint named.")
class RecoveryPlan:
    """Nothing is changed by asking."""

    execution: strawberry.Private[UUID]
    plan: strawberry.Private[Plan]

    @strawberry.field(
        description="The checkpoint that it would go back to; null where it would start over.",
        directives=[READ],
    )
    async def checkpoint(self, info: Info) -> Checkpoint | None:
        """The one that the state descends from."""
        if self.plan.checkpoint is None:
            return None
        key = (self.execution, self.plan.checkpoint)
        checkpoint: Checkpoint | None = await load_optional(info, CHECKPOINTS, key)
        return checkpoint

    @strawberry.field(description="The attempts that would stay done.", directives=[READ])
    async def kept_steps(self, info: Info) -> list[Step]:
        """One statement a level."""
        return await self._steps(info, self.plan.kept)

    @strawberry.field(description="The last attempts at the steps that would run again.", directives=[READ])
    async def rerun_steps(self, info: Info) -> list[Step]:
        """One statement a level."""
        return await self._steps(info, self.plan.rerun)

    async def _steps(self, info: Info, seqs: list[int]) -> list[Step]:
        found: list[Any] = await gather(*(load_optional(info, STEPS, (self.execution, seq)) for seq in seqs))
        return [step for step in found if step is not None]


@strawberry.type(description="Why an execution does not get on, as far as can be told from what is recorded.")
class WhyStuck:
    """Facts of one moment, by the database's clock."""

    execution: strawberry.Private[UUID]
    facts: strawberry.Private[Facts]
    status: ExecutionStatus = strawberry.field(description="Where the execution stands.")
    at: datetime = strawberry.field(description="The moment at which all of this was so.")
    lease_holder: str | None = strawberry.field(description="Who holds the lease, or held it when it ended.")
    lease_expires_at: datetime | None = strawberry.field(description="When the lease ends, or ended.")
    lease_left: timedelta | None = strawberry.field(
        description="How long the lease still lasts; negative where it is over."
    )
    heartbeat_at: datetime | None = strawberry.field(description="When the lease was last taken or extended.")
    heartbeat_age: timedelta | None = strawberry.field(description="How long ago that was.")

    @strawberry.field(description="Everything that keeps it from getting on, the gravest first; never empty.")
    def reasons(self) -> list[StuckReason]:
        """Drawn from the facts."""
        return [StuckReason(code=reason.code, message=reason.message) for reason in reasons(self.facts)]

    @strawberry.field(description="The attempts under way.")
    def steps(self) -> list[StepProgress]:
        """In their order."""
        return [StepProgress.of(self.execution, step) for step in self.facts.steps]

    @strawberry.field(description="The newest event of its history.", directives=[READ])
    async def last_event(self, info: Info) -> Event | None:
        """One statement a level."""
        event: Event | None = await load_optional(info, EVENTS, (self.execution, self.facts.event_seq))
        return event

    @strawberry.field(description="The newest log entry.", directives=[READ])
    async def last_log(self, info: Info) -> LogEntry | None:
        """One statement a level."""
        entry: LogEntry | None = await load_optional(info, LOG_ENTRIES, (self.execution, self.facts.log_seq))
        return entry

    @strawberry.field(description="What a recovery would do.", directives=[READ])
    async def recovery(self, info: Info) -> RecoveryPlan:
        """One statement a level."""
        plan = await info.context.loaders.recovery_plans.load(self.execution)
        return RecoveryPlan(execution=self.execution, plan=plan)

    @classmethod
    async def load(cls, info: Info, execution: UUID) -> "WhyStuck":
        """What is known of the execution; raises `NotFound` where it has gone meanwhile."""
        facts = await info.context.loaders.stuck.load(execution)
        if facts is None:
            raise NotFound(Kind.EXECUTION.noun, encode(Kind.EXECUTION, execution))
        return cls(
            execution=execution,
            facts=facts,
            status=ExecutionStatus(facts.status),
            at=facts.now,
            lease_holder=facts.lease_holder,
            lease_expires_at=facts.lease_expires_at,
            lease_left=facts.lease_left,
            heartbeat_at=facts.heartbeat_at,
            heartbeat_age=facts.heartbeat_age,
        )
