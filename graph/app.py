"""The ASGI application: one GraphQL endpoint, its database, and what runs beside the requests."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from db.engine import Database
from db.errors import FlowkeepError
from db.migrate import require_head
from db.partitions import cover_ahead
from graph.context import Context
from graph.schema import schema
from graph.settings import Settings

logger = logging.getLogger("flowkeep")

ENDPOINT = "/graphql"
_PARTITION_CHECK_SECONDS = 3600.0


_LONG_NUMBER = re.compile(rb"[0-9]{19}")


class Endpoint(GraphQL[Context, None]):
    """GraphQL over HTTP on the application's database."""

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """A context of its own for every request."""
        state = request.app.state
        return Context(database=state.database, limits=state.limits)

    def decode_json(self, data: str | bytes) -> object:
        """orjson refuses what would break further on: lone surrogates, deep nesting.

        But it makes floats of whole numbers beyond 64 bits: where there may be one, Python's own parser
        keeps it whole, for the scalars to refuse.
        """
        body: object = orjson.loads(data)
        if _LONG_NUMBER.search(data.encode() if isinstance(data, str) else data):
            try:
                body = json.loads(data)
            except ValueError as error:  # thousands of digits
                raise orjson.JSONDecodeError(str(error), "", 0) from error
        if not isinstance(body, dict | list):
            raise orjson.JSONDecodeError("an object with a `query` is expected", "", 0)
        return body

    def encode_json(self, data: object) -> str:
        """Text, since a WebSocket would send bytes as a binary frame."""
        return _encode(data).decode()

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """The answer as bytes straight from orjson."""
        response = Response(
            _encode(response_data),
            status_code=sub_response.status_code or 200,
            media_type="application/json",
        )
        response.headers.raw.extend(sub_response.headers.raw)
        return response


def _encode(data: object) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_UTC_Z)


async def _keep_partitions_ahead(database: Database, settings: Settings) -> None:
    while True:
        await asyncio.sleep(_PARTITION_CHECK_SECONDS)
        try:
            await cover_ahead(database, settings.partition_span, settings.partitions_ahead)
        except FlowkeepError as error:
            logger.warning("Partitions could not be made ahead, trying again in an hour: %s", error)


def create_app(settings: Settings) -> Starlette:
    """The application for `settings`, whose `database_url` must be set.

    Its lifespan owns the connections: raises `NotReady` at start-up on a database that this release can't
    serve, and `Unavailable` where it can't be reached.
    """
    if settings.database_url is None:
        raise ValueError("create_app needs settings with a database_url")
    url = settings.database_url.get_secret_value()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        database = Database(url, pool_size=settings.pool_size)
        try:
            await database.check_server()
            await require_head(database)
            await cover_ahead(database, settings.partition_span, settings.partitions_ahead)
            app.state.database, app.state.limits = database, settings.limits
            upkeep = asyncio.create_task(_keep_partitions_ahead(database, settings))
            yield
            upkeep.cancel()
            with suppress(asyncio.CancelledError):
                await upkeep
        finally:
            await database.close()

    endpoint: Any = Endpoint(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
    routes = [Route("/", lambda request: RedirectResponse(ENDPOINT)), Route(ENDPOINT, endpoint)]
    return Starlette(routes=routes, lifespan=lifespan)
