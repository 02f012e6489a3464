"""Why an execution is stalled, and what a recovery would do about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import strawberry

from db.errors import NotFound
from db.queries.diagnosis import Facts, Plan, StepUnderWay, fetch_facts, fetch_plans, reasons
from db.queries.pages import Row
from db.queries.sources import CHECKPOINTS, EVENTS, LOG_ENTRIES, STEPS
from graph.api.records.types import Event, LogEntry
from graph.api.states.checkpoints import Checkpoint
from graph.api.steps.types import Step
from graph.context import Info
from graph.enums import ExecutionStatus, StepStatus, StuckCode
from graph.ids import Kind, encode
from graph.loaded import fetch_listed, loaded
from graph.scalars import Long


@strawberry.type(description="One reason why an execution is stalled.")
class StuckReason:
    """A code for programs, a sentence for people."""

    code: StuckCode = strawberry.field(description="What it is.")
    message: str = strawberry.field(description="The same in a sentence, with its particulars.")


async def _steps(info: Info, under_way: Sequence["StepProgress"]) -> list[Row | None]:
    return await info.context.loaders.fetch_rows(STEPS, [(step.execution, step.seq) for step in under_way])


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

    step = loaded(_steps, Step | None, "The attempt.", source=STEPS)

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


async def _checkpoints(info: Info, plans: Sequence["RecoveryPlan"]) -> list[Row | None]:
    keys = [(one.execution, one.plan.checkpoint) for one in plans]
    wanted = [key for key in keys if key[1] is not None]
    found = iter(await info.context.loaders.fetch_rows(CHECKPOINTS, wanted))
    return [None if key[1] is None else next(found) for key in keys]


async def _kept(info: Info, plans: Sequence["RecoveryPlan"]) -> list[list[Row]]:
    return await fetch_listed(info, STEPS, [[(one.execution, seq) for seq in one.plan.kept] for one in plans])


async def _rerun(info: Info, plans: Sequence["RecoveryPlan"]) -> list[list[Row]]:
    return await fetch_listed(
        info, STEPS, [[(one.execution, seq) for seq in one.plan.rerun] for one in plans]
    )


@strawberry.type(description="What `recoverExecution` would do now, without a checkpoint named.")
class RecoveryPlan:
    """Nothing is changed by asking."""

    execution: strawberry.Private[UUID]
    plan: strawberry.Private[Plan]

    checkpoint = loaded(
        _checkpoints,
        Checkpoint | None,
        "The checkpoint that it would go back to; null where it would start over.",
        source=CHECKPOINTS,
    )
    kept_steps = loaded(_kept, list[Step], "The attempts that would stay done.", source=STEPS)
    rerun_steps = loaded(
        _rerun, list[Step], "The last attempts at the steps that would run again.", source=STEPS
    )


async def _last_events(info: Info, stuck: Sequence["WhyStuck"]) -> list[Row | None]:
    keys = [(one.execution, one.facts.event_seq) for one in stuck]
    return await info.context.loaders.fetch_rows(EVENTS, keys)


async def _last_logs(info: Info, stuck: Sequence["WhyStuck"]) -> list[Row | None]:
    keys = [(one.execution, one.facts.log_seq) for one in stuck]
    return await info.context.loaders.fetch_rows(LOG_ENTRIES, keys)


async def _plans(info: Info, stuck: Sequence["WhyStuck"]) -> list[RecoveryPlan]:
    found = await info.context.loaders.batch(fetch_plans, [one.execution for one in stuck])
    return [RecoveryPlan(execution=one.execution, plan=plan) for one, plan in zip(stuck, found, strict=True)]


@strawberry.type(description="Why an execution is stalled, as far as can be told from what is recorded.")
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

    @strawberry.field(description="Every reason why it is stalled, the gravest first; never empty.")
    def reasons(self) -> list[StuckReason]:
        return [StuckReason(code=reason.code, message=reason.message) for reason in reasons(self.facts)]

    @strawberry.field(description="The attempts under way.")
    def steps(self) -> list[StepProgress]:
        return [StepProgress.of(self.execution, step) for step in self.facts.steps]

    last_event = loaded(_last_events, Event | None, "The newest event of its history.", source=EVENTS)
    last_log = loaded(_last_logs, LogEntry | None, "The newest log entry.", source=LOG_ENTRIES)
    recovery = loaded(_plans, RecoveryPlan, "What a recovery would do.")

    @classmethod
    async def load(cls, info: Info, executions: Sequence[UUID]) -> "list[WhyStuck | NotFound]":
        """What is known of executions; `NotFound` for those that have gone meanwhile."""
        found = await info.context.loaders.batch(fetch_facts, executions)
        return [
            NotFound(Kind.EXECUTION.noun, encode(Kind.EXECUTION, key))
            if facts is None
            else cls.of(key, facts)
            for key, facts in zip(executions, found, strict=True)
        ]

    @classmethod
    def of(cls, execution: UUID, facts: Facts) -> "WhyStuck":
        """The facts as they were found."""
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
