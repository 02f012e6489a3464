"""`claimExecutions`, `acquireLease`, `heartbeat`, `heartbeats`, `releaseLease`."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry

from db.errors import InvalidInput
from db.queries.pages import Row
from db.queries.sources import EXECUTIONS
from db.writes import claims, leases
from graph.api import errors
from graph.api.bulk import EACH, each
from graph.api.errors import Error
from graph.api.executions.inputs import (
    MOST_CLAIMED,
    ClaimExecutionsInput,
    HeartbeatsInput,
    LeaseInput,
    ReleaseLeaseInput,
)
from graph.api.executions.types import Execution, Lease, load_leases
from graph.api.writing import (
    accepted,
    execution_key,
    lease_time,
    required_text,
    words,
)
from graph.arguments import given
from graph.auth.scopes import WRITE
from graph.context import Info
from graph.loaded import fetch_listed, loaded
from graph.written import Written, written


async def _claimed(info: Info, payloads: Sequence["ClaimExecutionsPayload"]) -> list[list[Row]]:
    """What is still held as it was claimed: another's lease is not for who repeats a claim."""
    found = await fetch_listed(info, EXECUTIONS, [[(key,) for key in payload.epochs] for payload in payloads])
    return [
        [row for row in rows if payload.epochs[row["id"]] in (None, row["lease_epoch"])]
        for payload, rows in zip(payloads, found, strict=True)
    ]


@strawberry.type(description="What was claimed.")
class ClaimExecutionsPayload:
    epochs: strawberry.Private[dict[UUID, int | None]]
    executions = loaded(
        _claimed,
        list[Execution],
        "The executions, RUNNING, each with its lease: by their workflows' priority, orphans before those "
        "that wait, and then the oldest first.",
        source=EXECUTIONS,
        scope=WRITE,
    )


@strawberry.type(description="The lease and its execution as they are now.")
class LeasePayload(Written):
    """What taking, extending and giving up answer; `epoch` is that of the lease that was given, if any."""

    epoch: strawberry.Private[int | None] = None
    lease = loaded(load_leases, Lease, "The lease.", scope=WRITE)
    execution = written("execution", Execution, "The execution: look here whether it was cancelled.")


ClaimExecutionsResult = Annotated[
    ClaimExecutionsPayload | errors.Refused,
    strawberry.union("ClaimExecutionsResult", description="What was claimed, or why nothing was."),
]
AcquireLeaseResult = Annotated[
    LeasePayload | errors.Refused | errors.NotFound | errors.StaleLease | errors.InvalidTransition,
    strawberry.union("AcquireLeaseResult", description="The lease, or why nothing changed."),
]
HeartbeatResult = Annotated[
    LeasePayload | errors.Refused | errors.NotFound | errors.StaleLease | errors.InvalidTransition,
    strawberry.union("HeartbeatResult", description="The lease, or why nothing changed."),
]
ReleaseLeaseResult = Annotated[
    LeasePayload | errors.Refused | errors.NotFound | errors.StaleLease,
    strawberry.union("ReleaseLeaseResult", description="The lease, or why nothing changed."),
]


@strawberry.type(description="What became of each heartbeat.")
class HeartbeatsPayload:
    results: list[HeartbeatResult] = strawberry.field(description=f"As of `heartbeat`: {EACH}.")


@strawberry.type
class LeaseMutations:
    @strawberry.mutation(
        description="Take the leases of PENDING executions and of orphans (RUNNING, their lease over), "
        "and set them RUNNING: by their workflows' priority, CRITICAL first, and then by age. "
        "Claimers at the same time never share one and never wait for each other. Where so many executions "
        "run that it takes long, orphans are looked for no more than a twentieth of the time.",
        directives=[WRITE],
    )
    async def claim_executions(
        self,
        info: Info,
        input: Annotated[ClaimExecutionsInput, strawberry.argument(description="How many, for whom.")],
    ) -> ClaimExecutionsResult:
        write = accepted(info, "claimExecutions", input)
        if not 1 <= input.limit <= MOST_CLAIMED:
            raise InvalidInput(f"`limit` can be 1 to {MOST_CLAIMED}; it was {input.limit}.")
        names = None if given(input.workflow_names) is None else words("workflowNames", input.workflow_names)
        holder, ttl = required_text("holder", input.holder), lease_time(input.ttl)
        epochs = await claims.claim_executions(info.context.database, write, holder, ttl, input.limit, names)
        return ClaimExecutionsPayload(epochs=epochs)

    @strawberry.mutation(description="Take the lease of one execution; its epoch grows.", directives=[WRITE])
    async def acquire_lease(
        self, info: Info, input: Annotated[LeaseInput, strawberry.argument(description="Which, for whom.")]
    ) -> AcquireLeaseResult:
        """Only a free lease, one that is over, or the holder's own."""
        write = accepted(info, "acquireLease", input)
        key, holder = execution_key(input.execution_id), required_text("holder", input.holder)
        epoch = await leases.acquire_lease(info.context.database, key, write, holder, lease_time(input.ttl))
        return _payload(key, epoch)

    @strawberry.mutation(
        description="Extend a lease; how an engine says that it is alive.", directives=[WRITE]
    )
    async def heartbeat(
        self, info: Info, input: Annotated[LeaseInput, strawberry.argument(description="Which, for whom.")]
    ) -> HeartbeatResult:
        return await beat(info, input)

    @strawberry.mutation(
        description="Give a lease up; a RUNNING execution can then be claimed at once.", directives=[WRITE]
    )
    async def release_lease(
        self,
        info: Info,
        input: Annotated[ReleaseLeaseInput, strawberry.argument(description="Which, whose.")],
    ) -> ReleaseLeaseResult:
        write = accepted(info, "releaseLease", input)
        key = execution_key(input.execution_id)
        holder = required_text("holder", input.holder)
        await leases.release_lease(info.context.database, key, write, holder)
        return _payload(key)

    @strawberry.mutation(
        description="Extend many leases, as by `heartbeat`: how an engine says that it and all that it runs "
        "are alive.",
        directives=[WRITE],
    )
    async def heartbeats(
        self, info: Info, input: Annotated[HeartbeatsInput, strawberry.argument(description="The leases.")]
    ) -> HeartbeatsPayload:
        """One request to the writer for each."""
        results: list[LeasePayload | Error] = await each(info, beat, input.heartbeats)
        return HeartbeatsPayload(results=results)  # type: ignore[arg-type]


async def beat(info: Info, input: LeaseInput) -> LeasePayload:
    """Extend one lease; raises the write's refusals."""
    write = accepted(info, "heartbeat", input)
    key, holder = execution_key(input.execution_id), required_text("holder", input.holder)
    epoch = await leases.heartbeat(info.context.database, key, write, holder, lease_time(input.ttl))
    return _payload(key, epoch)


def _payload(key: UUID, epoch: int | None = None) -> LeasePayload:
    return LeasePayload(written={"execution": {"id": key}}, epoch=epoch)
