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
from graph.auth.authenticator import Authenticator
from graph.documents.document import Documents
from graph.documents.persisted import PersistedDocuments, load_trusted
from graph.http import graphiql
from graph.http.endpoint import Endpoint, answer_unexpected
from graph.http.sockets import Sockets
from graph.live.tailer import Tailer
from graph.operations import Operations
from graph.schema import schema
from graph.settings import Settings
from graph.throttle import Throttle

logger = logging.getLogger("flowkeep")

ENDPOINT = "/graphql"
_PARTITION_CHECK_SECONDS = 3600.0
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
    )
    authenticator = Authenticator(database, settings)
    tailer = Tailer(database)
    operations = _operations(settings, database, tailer)
    sockets = Sockets(settings, operations, authenticator)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            await database.check_server()
            await require_head(database)
            await cover_ahead(database, settings.partition_span, settings.partitions_ahead)
            async with _beside(
                _keep_partitions_ahead(database, settings), sockets.keep_sweeping(), tailer.run()
            ):
                yield
        finally:
            await database.close()

    routes = [
        Route("/", lambda request: RedirectResponse(ENDPOINT)),
        Route(ENDPOINT, Endpoint(settings, operations, authenticator)),
        WebSocketRoute(ENDPOINT, sockets),
        graphiql.assets(),
    ]
    return Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=_middleware(settings),
        exception_handlers={Exception: answer_unexpected},
    )


def _operations(settings: Settings, database: Database, tailer: Tailer) -> Operations:
    graphql_schema = schema._schema
    documents = Documents(graphql_schema, settings.document_limits, introspection=settings.introspection)
    trusted = {}
    if settings.trusted_documents is not None:
        trusted = load_trusted(settings.trusted_documents, documents, settings.document_limits)
    return Operations(
        graphql_schema,
        database,
        PersistedDocuments(documents, trusted, only=settings.trusted_only),
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
            expose_headers=["retry-after"],
            max_age=86_400,
        )
    ]
