"""The ASGI application: one address for GraphQL, its database, and what runs beside the requests."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse
from starlette.routing import Route, WebSocketRoute

from db.engine import Database
from db.enums import ReplicaState
from db.errors import NotReady
from db.log_search import index_past_logs
from db.migrate import require_head
from db.partitions import cover_ahead
from db.replica import Replica
from db.retention.expiry import expire_deletions, expire_keys
from db.retention.runs import apply_enabled
from db.writes.trial import try_to_write
from graph.addresses import ENDPOINT
from graph.auth.authenticator import Authenticator
from graph.background import STOP_SECONDS, Background, Job, ended
from graph.databases import open_database, open_replica
from graph.documents.document import Document, Documents
from graph.documents.persisted import PersistedDocuments, load_trusted
from graph.http import pages
from graph.http.application import Application
from graph.http.downloads import Downloads
from graph.http.endpoint import Endpoint, answer_unexpected
from graph.http.probes import Probes
from graph.http.request_log import RequestLog
from graph.http.sockets import Sockets
from graph.ids import Kind, encode
from graph.live.tailer import Tailer
from graph.operations import Operations
from graph.schema import core, schema
from graph.settings import Settings
from graph.telemetry.metrics import Metrics
from graph.telemetry.requests import RequestTelemetry
from graph.telemetry.traces import Tracing, tracing
from graph.throttle import Throttle

logger = logging.getLogger("flowkeep")

_PARTITION_CHECK_SECONDS = 3600.0
_FIRST_RETENTION_SECONDS = 60.0
_FIRST_LOG_INDEX_SECONDS = 300.0
_SHARE_METRICS_SECONDS = 5.0
_TRIAL_SECONDS = 5.0
_REPLICA_SECONDS = 1.0


def create_app(settings: Settings) -> Starlette:
    """The application for `settings`, whose `database_url` must be set.

    Its lifespan owns the connections: raises `NotReady` at start-up on a database that this release can't
    serve, and `Unavailable` where it can't be reached. Raises `NotReady` here for trusted documents that
    the schema can't answer.
    """
    database = open_database(settings)
    replica = open_replica(settings, database)
    documents, trusted = _documents(settings)
    metrics = Metrics(trusted) if settings.metrics else None
    background = Background(metrics.job_failed) if metrics else Background()
    authenticator = Authenticator(database, settings)
    tailer = Tailer(database)
    operations = _operations(settings, database, replica, documents, tailer, background)
    traces = tracing(settings)
    requests = RequestTelemetry(settings, metrics, traces)
    requests.observe(database)
    if replica is not None:
        requests.observe(replica)
        background.add(Job("replica", replica.look, every=_REPLICA_SECONDS, first=_REPLICA_SECONDS))
    endpoint = Endpoint(settings, operations, authenticator)
    sockets = Sockets(settings, operations, authenticator, requests)
    probes = Probes(database, authenticator, metrics, background, replica)
    background.add(
        Job("feeds", tailer.look, essential=True),
        Job("sockets", sockets.sweep_soon, essential=True),
        *_maintenance(database, settings),
    )
    if metrics is not None:
        _add_gauges(metrics, database, tailer, sockets)
        if replica is not None:
            _add_replica_gauges(metrics, replica)
        if metrics.shared:
            background.add(Job("metrics", metrics.share, every=_SHARE_METRICS_SECONDS))

    front = RequestLog(endpoint, requests)
    app = Application(
        routes=[
            *_pages(settings),
            Route(ENDPOINT, front),
            WebSocketRoute(ENDPOINT, sockets),
            *Downloads(database, operations, authenticator, settings).routes(
                Middleware(RequestLog, requests=requests)
            ),
            *probes.routes(),
        ],
        lifespan=_lifespan(settings, database, replica, background, traces),
        middleware=_middleware(settings),
        exception_handlers={Exception: answer_unexpected},
    )

    app.go_straight(ENDPOINT, front)

    def stop() -> None:
        probes.stopping = True
        endpoint.end_streams()

    app.state.stop = stop
    return app


def _lifespan(
    settings: Settings,
    database: Database,
    replica: Replica | None,
    background: Background,
    traces: Tracing | None,
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            await database.check_server()
            await require_head(database)
            await cover_ahead(database, settings.partition_span, settings.partitions_ahead)
            if replica is not None:
                await replica.look()
            async with background.running():
                yield
        finally:
            closing = [asyncio.create_task(database.close(), name="connections to the database")]
            if replica is not None:
                closing.append(asyncio.create_task(replica.close(), name="connections to the replica"))
            if traces is not None:
                sending = asyncio.create_task(asyncio.to_thread(traces.close), name="traces")
                closing.append(sending)
            await ended(closing, STOP_SECONDS)

    return lifespan


def _maintenance(database: Database, settings: Settings) -> list[Job]:
    """What is done to the database now and then; several servers share it."""

    async def keep_partitions_ahead() -> None:
        await cover_ahead(database, settings.partition_span, settings.partitions_ahead)

    async def index_logs() -> None:
        if made := await index_past_logs(database):
            logger.info("The logs of %d partitions whose time is over were indexed.", made)

    async def keep_to_policies() -> None:
        run = await apply_enabled(database, "retention")
        if run is not None:
            logger.info("Retention: %s says what has gone.", encode(Kind.RUN, run))
        if settings.keep_idempotency_keys:
            await expire_keys(database, timedelta(days=settings.keep_idempotency_keys))
        if settings.keep_deletions:
            await expire_deletions(database, timedelta(days=settings.keep_deletions))

    every = _PARTITION_CHECK_SECONDS

    async def see_whether_there_is_room() -> None:
        await try_to_write(database)

    jobs = [Job("writability", see_whether_there_is_room, every=_TRIAL_SECONDS)]
    jobs.append(Job("partitions", keep_partitions_ahead, every=every, first=every))
    jobs.append(Job("log_index", index_logs, every=every, first=_FIRST_LOG_INDEX_SECONDS))
    if every := settings.retention_interval:
        # Soon after the start, so that it is done where servers live shortly, but not with it.
        first = min(every, _FIRST_RETENTION_SECONDS)
        jobs.append(Job("retention", keep_to_policies, every=every, first=first))
    return jobs


def _add_gauges(metrics: Metrics, database: Database, tailer: Tailer, sockets: Sockets) -> None:
    metrics.gauge("pool_size", "Connections to PostgreSQL that may be held.", lambda: database.pool.size)
    metrics.gauge("pool_in_use", "Connections to PostgreSQL in use.", lambda: database.pool.in_use)
    metrics.gauge(
        "database_refuses_writes",
        "1 from the first write that a full disk or the like refused, until there is room again.",
        lambda: database.writability.refusal is not None,
        highest=True,
    )
    metrics.gauge("subscriptions", "Live feeds that are followed.", lambda: tailer.followers)
    metrics.gauge("websockets", "WebSockets that are open.", lambda: len(sockets))
    metrics.gauge(
        "tailer_lag_seconds",
        "Seconds since the moment up to which the followers have been told of all commits.",
        lambda: tailer.lag,
        highest=True,
    )


def _add_replica_gauges(metrics: Metrics, replica: Replica) -> None:
    metrics.gauge(
        "replica_pool_size", "Connections to the replica that may be held.", lambda: replica.pool.size
    )
    metrics.gauge("replica_pool_in_use", "Connections to the replica in use.", lambda: replica.pool.in_use)
    metrics.gauge(
        "replica_out_of_use",
        "1 while queries are read from the primary: the replica is too far behind, away, or no standby.",
        lambda: replica.status.state is not ReplicaState.IN_USE,
        highest=True,
    )
    metrics.gauge(
        "replica_lag_seconds",
        "Seconds for which the replica has not had all of the primary's log; Inf where nobody knows.",
        lambda: _or_inf(replica.status.lag_seconds),
        highest=True,
    )
    metrics.gauge(
        "replica_lag_bytes",
        "Bytes of the primary's log that the replica has not replayed; Inf where nobody knows.",
        lambda: _or_inf(replica.status.lag_bytes),
        highest=True,
    )


def _or_inf(value: float | None) -> float:
    return math.inf if value is None else value  # of several workers the highest counts, which NaN is not


def _pages(settings: Settings) -> list[Route]:
    if not settings.dashboard:
        return [Route("/", lambda request: RedirectResponse(ENDPOINT)), pages.assets()]
    told: dict[str, Any] = {"graphiql": settings.graphiql}
    if settings.oidc_issuer is not None and settings.oidc_client_id is not None:
        told["oidc"] = {
            "issuer": settings.oidc_issuer,
            "clientId": settings.oidc_client_id,
            "scope": settings.oidc_client_scope,
        }
    return [*pages.dashboard(told), pages.assets()]


def _documents(settings: Settings) -> tuple[PersistedDocuments, list[Document]]:
    documents = Documents(core, settings.document_limits, introspection=settings.introspection)
    trusted = _of_dashboard(settings, documents)
    if settings.trusted_documents is not None:
        trusted |= load_trusted(settings.trusted_documents, documents, settings.document_limits)
    return PersistedDocuments(documents, trusted, only=settings.trusted_only), list(trusted.values())


def _of_dashboard(settings: Settings, documents: Documents) -> dict[str, Document]:
    path = pages.documents()
    if path is None or not settings.dashboard:
        return {}
    try:
        return load_trusted(path, documents, settings.document_limits)
    except NotReady as error:
        logger.warning("The dashboard was built for another release; `make web` builds it anew. %s", error)
        return {}


def _operations(
    settings: Settings,
    database: Database,
    replica: Replica | None,
    documents: PersistedDocuments,
    tailer: Tailer,
    background: Background,
) -> Operations:
    return Operations(
        schema,
        database,
        documents,
        settings.limits,
        Throttle(settings.rate_limit, settings.rate_burst),
        tailer,
        background,
        replica,
        suggestions=settings.introspection,
    )


def _middleware(settings: Settings) -> list[Middleware]:
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "graphql-require-preflight", "x-requested-with"],
            expose_headers=["retry-after", "x-request-id"],
            max_age=86_400,
        )
    ]
