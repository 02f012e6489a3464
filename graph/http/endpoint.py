"""`/graphql`: one address for POST, GET, WebSockets, and GraphiQL for a browser.

GraphQL over HTTP as its specification has it: `application/graphql-response+json` for clients that ask for
it, with HTTP statuses that tell how a request went; `application/json` for the others, with 200 for every
request that was understood. Who is not let in hears 401, 403 or 429 either way.
"""

import asyncio
from contextlib import suppress
from functools import cache
from typing import Any

import orjson
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from db.errors import FlowkeepError
from graph.auth.authenticator import Authenticator
from graph.auth.errors import Unauthenticated
from graph.auth.principals import ANONYMOUS, Principal
from graph.errors import Rejection, rejection_of
from graph.http import pages
from graph.http.bodies import ClientGone, parse_json, parse_query_string, read_body
from graph.http.cancellation import Cancellable
from graph.http.events import send_event, send_events
from graph.http.fields import Fields, fields_of
from graph.http.negotiation import (
    HTML,
    JSON,
    answer_type,
    require_json,
    require_own_host,
    require_preflight,
    require_same_site,
    takes_events,
    wants,
)
from graph.operation_request import OperationRequest
from graph.operations import Answer, Operations, Prepared
from graph.settings import Settings
from graph.telemetry.record import running

_METHODS = ("GET", "POST")
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


class Endpoint:
    """The ASGI application behind the address, for HTTP."""

    def __init__(self, settings: Settings, operations: Operations, authenticator: Authenticator) -> None:
        self._settings = settings
        self._operations = operations
        self._authenticator = authenticator
        self._streaming: set[asyncio.Task[Any]] = set()
        self._stopping = False

    def end_streams(self) -> None:
        """End the streams that are open: the process stops, and their readers come again elsewhere."""
        self._stopping = True
        for task in self._streaming:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = fields_of(scope)
        if self._settings.graphiql and _is_for_people(scope, headers):
            await pages.graphiql()(scope, receive, send)
            return
        media_type = JSON
        try:
            media_type = answer_type(headers)
            prepared = await self._prepare(scope, headers, receive)
            as_events = takes_events(headers, also_others=not prepared.is_subscription)
            if as_events and prepared.is_subscription:
                await self._stream_until_stopped(prepared, receive, send)
                return
            body, status, more = await self._run(prepared, receive), 200, {}
            if as_events:
                await send_event(send, encode(body))
                return
        except ClientGone:
            return
        except Rejection as rejection:
            status, more = _status(rejection, media_type), rejection.headers
            body = self._operations.rejected(rejection)
        await _send(send, status, media_type, more, encode(body))

    async def _prepare(self, scope: Scope, headers: Fields, receive: Receive) -> Prepared:
        method = scope["method"]
        if method not in _METHODS:
            raise Rejection.of(
                "GraphQL is asked by POST or GET.", "BAD_USER_INPUT", 405, {"allow": "GET, POST"}
            )
        require_same_site(headers, self._settings.cors_origins)
        principal = await self._principal(headers)
        request = await self._request(method, scope, headers, receive)
        prepared = self._operations.prepare(request, principal)
        if method == "GET" and not prepared.is_read:
            raise Rejection.of("A mutation takes a POST.", "BAD_USER_INPUT", 405, {"allow": "POST"})
        return prepared

    async def _principal(self, headers: Fields) -> Principal:
        try:
            principal = await self._authenticator.authenticate(headers.get("authorization"))
        except Unauthenticated as error:
            raise Rejection.of(str(error), error.code, headers={"www-authenticate": "Bearer"}) from error
        except FlowkeepError as error:
            raise Rejection.of(str(error), error.code) from error
        if principal is ANONYMOUS:
            require_own_host(headers)
        return principal

    async def _request(
        self, method: str, scope: Scope, headers: Fields, receive: Receive
    ) -> OperationRequest:
        if method == "GET":
            require_preflight(headers)
            return OperationRequest.from_json(parse_query_string(scope["query_string"]))
        require_json(headers)
        settings = self._settings
        body = await read_body(headers, receive, settings.max_body_bytes, settings.body_timeout)
        return OperationRequest.from_json(parse_json(body))

    async def _run(self, prepared: Prepared, receive: Receive) -> Answer:
        async with Cancellable(receive, self._settings.request_timeout, stoppable=prepared.is_read):
            with running(prepared.document, prepared.operation):
                return await self._operations.run(prepared)

    async def _stream_until_stopped(self, prepared: Prepared, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._streaming.add(task)
        try:
            await self._stream(prepared, receive, send)
        except asyncio.CancelledError:
            if not self._stopping or task.uncancel() > 0:
                raise
            # Without the event `complete`: the answers have not come to their end.
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._streaming.discard(task)

    async def _stream(self, prepared: Prepared, receive: Receive, send: Send) -> None:
        async def may_stay() -> bool:
            with suppress(FlowkeepError):  # who can't be asked about for now may stay for now
                return await self._authenticator.still_valid(prepared.principal)
            return True

        async with self._operations.follow(prepared) as answers, Cancellable(receive, None, stoppable=True):
            await send_events(
                send,
                answers,
                may_stay,
                lambda error: encode(self._operations.rejected(rejection_of(error, "on an event stream"))),
                lambda: f"lag {self._operations.lag:.3f}",
                self._settings.heartbeat,
            )


def _is_for_people(scope: Scope, headers: Fields) -> bool:
    return scope["method"] in ("GET", "HEAD") and not scope["query_string"] and wants(headers, HTML)


def _status(rejection: Rejection, media_type: str) -> int:
    return rejection.status if rejection.strict or media_type != JSON else 200


def encode(data: object) -> bytes:
    """An answer's JSON."""
    return orjson.dumps(data, option=orjson.OPT_UTC_Z)


async def answer_unexpected(request: StarletteRequest, error: Exception) -> Response:
    """The answer where a bug let an error through: its id in the logs, and nothing else."""
    rejection = rejection_of(error, f"at {request.method} {request.url.path}")
    return Response(encode(Operations.rejected(rejection)), rejection.status, media_type=JSON)


@cache
def _content_type(media_type: str) -> bytes:
    return f"{media_type}; charset=utf-8".encode()


async def _send(send: Send, status: int, media_type: str, more: dict[str, str], body: bytes) -> None:
    headers: list[Any] = [
        (b"content-type", _content_type(media_type)),
        (b"content-length", str(len(body)).encode()),
        *_ALWAYS,
        *((name.encode(), value.encode()) for name, value in more.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
