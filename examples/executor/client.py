"""Speaks to Flowkeep: typed answers, typed refusals, and patience while it can't be reached.

Every write has an idempotency key that is made from what it means (this execution, this step, this attempt).
So a write whose answer was lost can be sent again: it is done once, and the answer is that of the first time.
"""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import NAMESPACE_URL, uuid4, uuid5

from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.exceptions import (
    TransportConnectionFailed,
    TransportProtocolError,
    TransportQueryError,
    TransportServerError,
)
from gql.transport.httpx import HTTPXAsyncTransport

from examples.executor import documents
from examples.executor.definition import Step

logger = logging.getLogger("executor")

PATIENCE = 120.0
_REQUEST_SECONDS = 15.0
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
_PASSING = ("UNAVAILABLE", "UNWRITABLE")
_SERVER_FAULT = 500


class Refused(Exception):
    """Flowkeep changed nothing; `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StaleLease(Refused):
    """Somebody else has taken over: whatever this worker still does of it counts for nothing."""


class InvalidTransition(Refused):
    """The execution has ended meanwhile: it was cancelled, say."""


class Unreachable(Exception):
    """No answer for as long as it made sense to wait."""


_REFUSALS = {"StaleLease": StaleLease, "InvalidTransition": InvalidTransition}


@dataclass(frozen=True)
class Lease:
    """The right to write to an execution, for as long as nobody has a later epoch."""

    execution: str
    epoch: int


@dataclass(frozen=True)
class Claimed:
    """An execution to run; `has_history` when somebody was at it before."""

    lease: Lease
    workflow: str
    definition: Mapping[str, Any]
    input: Any
    has_history: bool


@dataclass(frozen=True)
class Recovered:
    """Where an execution goes on: the outputs of the steps that are done, and their order."""

    lease: Lease
    outputs: Mapping[str, Any]
    completed: Sequence[str]


class Flowkeep:
    """The API as `holder` uses it, with leases of `ttl` seconds."""

    def __init__(self, url: str, holder: str, ttl: float, token: str | None = None) -> None:
        self.holder = holder
        self.ttl = ttl
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = HTTPXAsyncTransport(url, timeout=_REQUEST_SECONDS, headers=headers)
        self._client = Client(transport=transport, execute_timeout=None)
        self._session: AsyncClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = await self._client.connect_async()  # type: ignore[no-untyped-call]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._client.close_async()  # type: ignore[no-untyped-call]

    async def claim(self, limit: int, workflows: Sequence[str] | None) -> list[Claimed]:
        """Up to `limit` executions that wait or that their worker has left; none when there are none."""
        given = {"limit": limit, "workflowNames": workflows, **self._lease(), "idempotencyKey": str(uuid4())}
        answer = await self._ask(documents.CLAIM, given)
        # An answer that was long in coming may tell of leases that others have by now.
        return [_claimed(row) for row in answer["executions"] if row["lease"]["holder"] == self.holder]

    async def recover(self, lease: Lease) -> Recovered:
        """Take over where somebody else stopped: fences that worker out, keeps what it committed."""
        answer = await self._write(documents.RECOVER, lease, ("recover", lease.epoch), self._lease())
        present = answer["lease"]
        if present["holder"] != self.holder:
            raise StaleLease("STALE_LEASE", f"{present['holder']!r} has taken over meanwhile")
        return Recovered(
            Lease(lease.execution, present["epoch"]),
            {step["key"]: step["output"] for step in answer["keptSteps"]},
            answer["state"]["completedSteps"],
        )

    async def heartbeat(self, lease: Lease) -> str:
        """Extend the lease; returns the execution's status. Gives up when the lease must be over."""
        given = {"executionId": lease.execution, "epoch": lease.epoch, **self._lease()}
        answer = await self._ask(documents.HEARTBEAT, given, self.ttl)
        return str(answer["execution"]["status"])

    async def release(self, lease: Lease) -> None:
        """Give the lease up, for others to claim the execution at once."""
        given = {"executionId": lease.execution, "epoch": lease.epoch, "holder": self.holder}
        await self._ask(documents.RELEASE, given, self.ttl)

    async def start_step(self, lease: Lease, step: Step, tries: int) -> int:
        """Start an attempt at a step; returns its number, which counts the attempts of all workers."""
        given = {"key": step.key, "type": step.kind, "dependsOn": step.depends_on, "input": step.arguments}
        answer = await self._write(documents.START, lease, ("start", lease.epoch, step.key, tries), given)
        return int(answer["step"]["attempt"])

    async def commit_step(self, lease: Lease, key: str, attempt: int, commit: Mapping[str, Any]) -> None:
        """Commit an attempt's outcome with all that belongs to it, or nothing."""
        await self._write(documents.COMMIT, lease, ("commit", key, attempt), commit)

    async def end(self, lease: Lease, to: str, **outcome: Any) -> None:
        """End the execution, and with it the lease."""
        await self._write(documents.END, lease, ("end", lease.epoch), {"to": to, **outcome})

    def _lease(self) -> dict[str, Any]:
        return {"holder": self.holder, "ttl": f"PT{self.ttl:.3f}S"}

    async def _write(
        self, document: GraphQLRequest, lease: Lease, meaning: Sequence[object], given: Mapping[str, Any]
    ) -> Any:
        """A write to an execution under its lease, under a key made from its meaning."""
        key = uuid5(NAMESPACE_URL, "/".join(map(str, (lease.execution, *meaning))))
        own = {"executionId": lease.execution, "epoch": lease.epoch, "idempotencyKey": str(key)}
        return await self._ask(document, {**given, **own})

    async def _ask(
        self, document: GraphQLRequest, given: Mapping[str, Any], patience: float = PATIENCE
    ) -> Any:
        """The payload; raises a `Refused`, or `Unreachable` after `patience` seconds without an answer."""
        try:
            async with asyncio.timeout(patience):
                answer = await self._answered(GraphQLRequest(document, variable_values={"input": given}))
        except TimeoutError as error:
            raise Unreachable(f"no answer from Flowkeep for {patience:g} s") from error
        if "code" in answer:
            raise _REFUSALS.get(answer["__typename"], Refused)(answer["code"], answer["message"])
        return answer

    async def _answered(self, request: GraphQLRequest) -> Any:
        """Ask until there is an answer, with growing and random pauses so that a crowd spreads out."""
        if self._session is None:
            raise RuntimeError("Flowkeep is used inside `async with`")
        pause = _FIRST_PAUSE
        while True:
            try:
                return (await self._session.execute(request))["answer"]
            except (
                TransportConnectionFailed,
                TransportProtocolError,
                TransportServerError,
                TransportQueryError,
            ) as error:
                if not _may_pass(error):
                    raise
                level = logging.WARNING if pause == _FIRST_PAUSE else logging.INFO
                logger.log(level, "Flowkeep can't be reached, trying again: %s", error)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, _LONGEST_PAUSE)


def _may_pass(error: Exception) -> bool:
    """Whether the same request can succeed later: the network, the server or its database is away."""
    if isinstance(error, TransportQueryError):
        return any(one["extensions"].get("code") in _PASSING for one in error.errors or ())
    return not isinstance(error, TransportServerError) or (error.code or _SERVER_FAULT) >= _SERVER_FAULT


def _claimed(row: Mapping[str, Any]) -> Claimed:
    epoch = row["lease"]["epoch"]
    return Claimed(
        Lease(row["id"], epoch),
        f"{row['workflow']['name']} {row['workflow']['version']}",
        row["workflow"]["definition"],
        row["input"],
        # A fork has steps without ever having been claimed; an orphan may have none yet.
        has_history=epoch > 1 or bool(row["steps"]["nodes"]),
    )
