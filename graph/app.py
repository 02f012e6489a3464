"""The ASGI application: one address for GraphQL, its database, and what runs beside the requests."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse
from starlette.routing import Route, WebSocketRoute

from db.engine import Database
from db.errors import FlowkeepError
from db.migrate import require_head
from db.partitions import cover_ahead
from db.retention.runs import apply_enabled, expire_keys
from graph.auth.authenticator import Authenticator
from graph.documents.document import Document, Documents
from graph.documents.persisted import PersistedDocuments, load_trusted
from graph.http import graphiql
from graph.http.endpoint import Endpoint, answer_unexpected
from graph.http.observed import Observed
from graph.http.probes import Probes
from graph.http.sockets import Sockets
from graph.ids import Kind, encode
from graph.live.tailer import Tailer
from graph.operations import Operations
from graph.schema import schema
from graph.settings import Settings
from graph.telemetry.metrics import Metrics
from graph.telemetry.requests import Requests
from graph.telemetry.traces import tracing
from graph.throttle import Throttle

logger = logging.getLogger("flowkeep")

ENDPOINT = "/graphql"
_PARTITION_CHECK_SECONDS = 3600.0
_FIRST_RETENTION_SECONDS = 60.0
# The server stops a statement a little after the request's own deadline has cancelled it: only what was
# left behind is still running then.
_STATEMENT_GRACE = 5.0


async def _keep_partitions_ahead(database: Database, settings: Settings) -> None:
    while True:
        await asyncio.sleep(_PARTITION_CHECK_SECONDS)
        try:
            await cover_ahead(database, settings.partition_span, settings.partitions_ahead)
        except FlowkeepError as error:
            logger.warning("Partitions could not be made ahead, trying again in an hour: %s", error)


async def _keep_to_policies(database: Database, settings: Settings) -> None:
    if not settings.retention_interval:
        return
    # Soon after the start, so that it is done where servers live shortly, but not with it.
    await asyncio.sleep(min(settings.retention_interval, _FIRST_RETENTION_SECONDS))
    while True:
        try:
            run = await apply_enabled(database, "retention")
            if run is not None:
                logger.info("Retention: %s says what has gone.", encode(Kind.RUN, run))
            if settings.keep_idempotency_keys:
                await expire_keys(database, timedelta(days=settings.keep_idempotency_keys))
        except FlowkeepError as error:
            logger.warning("Retention could not be finished, going on later: %s", error)
        await asyncio.sleep(settings.retention_interval)


@asynccontextmanager
async def _beside(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the jobs as long as the block."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def create_app(settings: Settings) -> Starlette:
    """The application for `settings`, whose `database_url` must be set.

    Its lifespan owns the connections: raises `NotReady` at start-up on a database that this release can't
    serve, and `Unavailable` where it can't be reached. Raises `NotReady` here for trusted documents that
    the schema can't answer.
    """
    if settings.database_url is None:
        raise ValueError("create_app needs settings with a database_url")
    database = Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.pool_size,
        statement_timeout=timedelta(seconds=settings.request_timeout + _STATEMENT_GRACE),
        pooler=settings.pgbouncer,
    )
    authenticator = Authenticator(database, settings)
    tailer = Tailer(database)
    documents, trusted = _documents(settings)
    operations = _operations(settings, database, documents, tailer)
    metrics = Metrics(trusted) if settings.metrics else None
    traces = tracing(settings)
    requests = Requests(settings, metrics, traces)
    requests.watch(database)
    endpoint = Endpoint(settings, operations, authenticator)
    sockets = Sockets(settings, operations, authenticator, requests)
    probes = Probes(database, authenticator, metrics)
    if metrics is not None:
        _add_gauges(metrics, database, tailer, sockets)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            await database.check_server()
            await require_head(database)
            await cover_ahead(database, settings.partition_span, settings.partitions_ahead)
            async with _beside(
                _keep_partitions_ahead(database, settings),
                _keep_to_policies(database, settings),
                sockets.keep_sweeping(),
                tailer.run(),
                probes.keep_gauges(),
            ):
                yield
        finally:
            await database.close()
            if traces is not None:
                await asyncio.to_thread(traces.close)

    routes = [
        Route("/", lambda request: RedirectResponse(ENDPOINT)),
        Route(ENDPOINT, Observed(endpoint, requests)),
        WebSocketRoute(ENDPOINT, sockets),
        graphiql.assets(),
        *probes.routes(),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=_middleware(settings),
        exception_handlers={Exception: answer_unexpected},
    )

    def stop() -> None:
        probes.stopping = True
        endpoint.end_streams()

    app.state.stop = stop
    return app


def _add_gauges(metrics: Metrics, database: Database, tailer: Tailer, sockets: Sockets) -> None:
    metrics.gauge("pool_size", "Connections to PostgreSQL that may be held.", lambda: database.pool.size)
    metrics.gauge("pool_in_use", "Connections to PostgreSQL in use.", lambda: database.pool.in_use)
    metrics.gauge("subscriptions", "Live feeds that are followed.", lambda: tailer.followers)
    metrics.gauge("websockets", "WebSockets that are open.", lambda: len(sockets))
    metrics.gauge(
        "tailer_lag_seconds",
        "Seconds since when commits may not have reached the followers.",
        lambda: tailer.lag if tailer.followers else 0.0,
        highest=True,
    )


def _documents(settings: Settings) -> tuple[PersistedDocuments, list[Document]]:
    graphql_schema = schema._schema
    documents = Documents(graphql_schema, settings.document_limits, introspection=settings.introspection)
    trusted: dict[str, Document] = {}
    if settings.trusted_documents is not None:
        trusted = load_trusted(settings.trusted_documents, documents, settings.document_limits)
    return PersistedDocuments(documents, trusted, only=settings.trusted_only), list(trusted.values())


def _operations(
    settings: Settings, database: Database, documents: PersistedDocuments, tailer: Tailer
) -> Operations:
    return Operations(
        schema,
        database,
        documents,
        settings.limits,
        Throttle(settings.rate_limit, settings.rate_burst),
        tailer,
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
