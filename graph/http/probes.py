"""What a supervisor and a monitor ask: `/livez`, `/readyz` and `/metrics`.

The first two need no authentication, and tell nothing that would. `/metrics` is for who may READ once
callers must say who they are, and for this machine until then. It makes no exception for this machine
later: a proxy on it speaks for everybody.
"""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.engine import Database
from db.enums import ReplicaState, Scope
from db.errors import FlowkeepError, Occupied
from db.queries.health import unready
from db.replica import Replica
from graph.auth.authenticator import Authenticator
from graph.auth.errors import Forbidden, Unauthenticated
from graph.auth.principals import ANONYMOUS
from graph.auth.sharing import Shared
from graph.background import Background, Job
from graph.errors import Rejection
from graph.http.endpoint import encode
from graph.http.negotiation import JSON, require_own_host
from graph.telemetry.figures import DatabaseFigures
from graph.telemetry.metrics import CONTENT_TYPE, Metrics

READY_SECONDS = 3.0
_REMEMBERED_SECONDS = 1.0
# Not the reason itself, whose words name the host.
_WITHOUT_REPLICA = {
    ReplicaState.BEHIND: "The replica is too far behind",
    ReplicaState.UNREACHABLE: "The replica can't be reached",
    ReplicaState.REFUSED: "The replica is no standby of the database",
}
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Probes:
    """Answers for one process."""

    def __init__(
        self,
        database: Database,
        authenticator: Authenticator,
        metrics: Metrics | None,
        background: Background,
        replica: Replica | None = None,
    ) -> None:
        self._replica = replica
        self._background = background
        self._database = database
        self._authenticator = authenticator
        self._metrics = metrics
        self._figures = DatabaseFigures(database)
        if metrics is not None:
            metrics.add(self._figures)
        self._looking: Shared[None, list[str]] = Shared()
        self._reasons: list[str] = []
        self._looked_at = -_REMEMBERED_SECONDS
        self.stopping = False

    def routes(self) -> list[Route]:
        """Where they are."""
        routes = [Route("/livez", self._live), Route("/readyz", self._ready)]
        return routes + ([Route("/metrics", self._measured)] if self._metrics else [])

    async def _live(self, request: Request) -> Response:
        return _json({"live": True}, 200)

    async def _ready(self, request: Request) -> Response:
        failing = [job for job in self._background.jobs if job.failing]
        reasons = [
            *await self._why_not(),
            *self._refusal(),
            *(_tell(job) for job in failing if job.essential),
        ]
        warnings = [*(_tell(job) for job in failing if not job.essential), *self._without_replica()]
        answer = {"ready": not reasons, "reasons": reasons, "warnings": warnings}
        return _json(answer, 503 if reasons else 200)

    def _refusal(self) -> list[str]:
        refusal = self._database.writability.refusal
        return [] if refusal is None else [str(refusal)]

    def _without_replica(self) -> list[str]:
        why = None if self._replica is None else _WITHOUT_REPLICA.get(self._replica.status.state)
        return [] if why is None else [f"{why}: queries are read from the primary."]

    async def _why_not(self) -> list[str]:
        if self.stopping:
            return ["This process is stopping."]
        # Anybody may ask, as often as they like: the database is asked once a second at most.
        if time.monotonic() - self._looked_at >= _REMEMBERED_SECONDS:
            self._reasons = await self._looking.run(None, self._look)
            self._looked_at = time.monotonic()
        return self._reasons

    async def _look(self) -> list[str]:
        try:
            async with asyncio.timeout(READY_SECONDS):
                return await unready(self._database)
        except TimeoutError:
            return [f"The database did not answer within {READY_SECONDS:g} seconds."]
        except Occupied as error:
            return [str(error)]
        except FlowkeepError:  # its words name the host
            return ["The database can't be reached."]

    async def _measured(self, request: Request) -> Response:
        assert self._metrics is not None
        try:
            principal = await self._authenticator.authenticate(request.headers.get("authorization"))
            if principal is ANONYMOUS:
                require_own_host(request.headers)
        except Unauthenticated as error:
            return Response(f"{error}\n", 401, {"www-authenticate": "Bearer", **_HEADERS}, "text/plain")
        except Rejection as rejection:
            return Response(f"{rejection}\n", rejection.status, _HEADERS, "text/plain")
        except FlowkeepError:
            return Response("The database can't be reached.\n", 503, _HEADERS, "text/plain")
        if not principal.may(Scope.READ):
            return Response(f"{Forbidden(Scope.READ)}\n", 403, _HEADERS, "text/plain")
        await self._figures.refresh()
        return Response(self._metrics.text(), 200, {**_HEADERS, "content-type": CONTENT_TYPE})


def _tell(job: Job) -> str:
    # Why is for who may read `health`, or the log.
    return f"The background job {job.name} has failed {job.failures_in_a_row} times in a row."


def _json(content: object, status: int) -> Response:
    return Response(encode(content), status, _HEADERS, JSON)
