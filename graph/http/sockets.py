"""GraphQL over WebSockets: the graphql-transport-ws protocol of `graphql-ws`, and no older one.

A socket says who it is in `connection_init`, by `{"Authorization": "Bearer …"}`, or in the header of the
same name. From then on it runs operations, each with a context of its own. It is closed when its token
ends: `Sockets.sweep` looks after all that are open.
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from db.errors import FlowkeepError
from graph.auth.authenticator import Authenticator
from graph.auth.errors import Unauthenticated
from graph.auth.principals import ANONYMOUS, Principal
from graph.errors import Rejection, rejection_of
from graph.http.bodies import parse_json
from graph.http.negotiation import require_own_host, require_same_site
from graph.operation_request import OperationRequest
from graph.operations import Operations, Prepared
from graph.settings import Settings
from graph.telemetry.record import running
from graph.telemetry.requests import RequestTelemetry

PROTOCOL = "graphql-transport-ws"
SWEEP_SECONDS = 1.0
_SWEEP_TIMEOUT = 5.0

_INVALID = 4400
_UNAUTHORIZED = 4401
_FORBIDDEN = 4403
_BAD_PROTOCOL = 4406
_INIT_TIMEOUT = 4408
_ID_TAKEN = 4409
_TOO_MANY = 4429
_ANSWERS_AT_ONCE = 4
_MOST_BEFORE_INIT = 10
_LONGEST_REASON = 120  # bytes; a close frame has room for 123


class Closing(Exception):
    """The socket is to be closed: the protocol's code, and the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Sockets:
    """The open sockets of this process, and the ASGI application that opens them."""

    def __init__(
        self,
        settings: Settings,
        operations: Operations,
        authenticator: Authenticator,
        requests: RequestTelemetry,
    ) -> None:
        self.settings = settings
        self.operations = operations
        self.authenticator = authenticator
        self.requests = requests
        self._open: set[_Socket] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket from its handshake to its end."""
        socket = _Socket(self, WebSocket(scope, receive, send))
        self._open.add(socket)
        try:
            await socket.serve()
        finally:
            self._open.discard(socket)

    async def sweep(self) -> None:
        """Close the sockets whose callers may no longer be here; give the silent ones a sign of life."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SWEEP_TIMEOUT):
                await asyncio.gather(*(socket.check() for socket in self._open))

    async def sweep_soon(self) -> None:
        """A round of sweeping; a database that can't be reached leaves everything as it is for now."""
        await asyncio.sleep(SWEEP_SECONDS)
        await self.sweep()


class _Socket:
    def __init__(self, sockets: Sockets, websocket: WebSocket) -> None:
        self._sockets = sockets
        self._websocket = websocket
        self._principal: Principal | None = None
        self.running: dict[str, asyncio.Task[None]] = {}
        self._sending = 0
        self._heard_at = time.monotonic()
        self._pinging: asyncio.Task[None] | None = None
        # Answers are made no faster than they are read, and each is on its way before the next one.
        self._answering = asyncio.Semaphore(_ANSWERS_AT_ONCE)
        self._turn = asyncio.Lock()

    async def check(self) -> None:
        if self._principal is None:
            return
        if not await self._sockets.authenticator.still_valid(self._principal):
            await self._close(_FORBIDDEN, "The token has expired or was revoked.")
        elif not self._sending and time.monotonic() - self._heard_at >= self._sockets.settings.heartbeat:
            # Who is still reading what was sent before hears enough; one who does not read keeps no other
            # socket from being looked at.
            ping = {"type": "ping", "payload": {"lag": round(self._sockets.operations.lag, 3)}}
            self._pinging = asyncio.create_task(self._send(ping))

    async def serve(self) -> None:
        try:
            await self._shake_hands()
            async with asyncio.timeout(self._sockets.settings.socket_init_timeout) as deadline:
                await self._let_in()
                deadline.reschedule(None)
                while True:
                    await self._handle(await self._next())
        except TimeoutError:
            await self._close(_INIT_TIMEOUT, "Connection initialisation timeout")
        except Closing as closing:
            await self._close(closing.code, str(closing))
        except WebSocketDisconnect:
            pass
        finally:
            await self._end()

    async def _let_in(self) -> None:
        for _ in range(_MOST_BEFORE_INIT):
            await self._handle(await self._next())
            if self._principal is not None:
                return
        raise Closing(_TOO_MANY, "Too many messages before connection_init")

    async def _shake_hands(self) -> None:
        websocket, settings = self._websocket, self._sockets.settings
        try:
            require_same_site(websocket.headers, settings.cors_origins)
        except Rejection as rejection:
            raise Closing(_FORBIDDEN, str(rejection)) from rejection
        if PROTOCOL not in websocket.scope.get("subprotocols", ()):
            await websocket.accept()
            raise Closing(_BAD_PROTOCOL, "Subprotocol not acceptable")
        await websocket.accept(subprotocol=PROTOCOL)

    async def _next(self) -> dict[str, Any]:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        text = message.get("text")
        if text is None:
            raise Closing(_INVALID, "Messages are text, not binary")
        try:
            value = parse_json(text)
        except Rejection as rejection:
            raise Closing(_INVALID, "Messages are JSON") from rejection
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise Closing(_INVALID, "A message is an object with a type")
        return value

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                await self._initialise(message.get("payload"))
            case "ping":
                await self._send({"type": "pong", "payload": message.get("payload")})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                if isinstance(name := message.get("id"), str) and (task := self.running.get(name)):
                    task.cancel()
            case unknown:
                raise Closing(_INVALID, f"There is no message of type {unknown[:40]!r}")

    async def _initialise(self, payload: object) -> None:
        if self._principal is not None:
            raise Closing(_TOO_MANY, "Too many initialisation requests")
        if payload is not None and not isinstance(payload, dict):
            raise Closing(_INVALID, "The payload of connection_init is an object")
        header = _authorization(payload or {}) or self._websocket.headers.get("authorization")
        try:
            principal = await self._sockets.authenticator.authenticate(header)
            if principal is ANONYMOUS:
                require_own_host(self._websocket.headers)
        except (Unauthenticated, Rejection) as error:
            raise Closing(_FORBIDDEN, str(error)) from error
        except FlowkeepError as error:
            raise Closing(1013, str(error)) from error
        self._principal = principal
        await self._send({"type": "connection_ack"})

    async def _subscribe(self, message: dict[str, Any]) -> None:
        name = message.get("id")
        if self._principal is None:
            raise Closing(_UNAUTHORIZED, "Unauthorized")
        if not isinstance(name, str) or not name or not isinstance(message.get("payload"), dict):
            raise Closing(_INVALID, "subscribe takes an id and a payload")
        if name in self.running:
            raise Closing(_ID_TAKEN, f"Subscriber for {name[:60]} already exists")
        is_room = len(self.running) < self._sockets.settings.max_socket_operations
        work = self._watched(name, message["payload"], self._principal, is_room)
        if is_room:
            self._start(name, work)
        else:
            await work  # so that who sends on has to read first

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.running[name] = task
        task.add_done_callback(lambda task: self._done(name, task))

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        self.running.pop(name, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._start(name, self._refuse(name, rejection_of(error, "on a socket")))

    async def _watched(self, name: str, payload: dict[str, Any], principal: Principal, is_room: bool) -> None:
        requests = self._sockets.requests
        with requests.request("websocket", self._websocket.headers, "WEBSOCKET /graphql"):
            if is_room:
                await self._run(name, payload, principal)
            else:
                await self._refuse_for_room(name, principal)

    async def _refuse_for_room(self, name: str, principal: Principal) -> None:
        most = self._sockets.settings.max_socket_operations
        try:
            self._sockets.operations.count(principal)
        except Rejection as rejection:
            raise Closing(_TOO_MANY, str(rejection)) from rejection
        await self._refuse(
            name, Rejection.of(f"More than {most} operations of one socket at once.", "RATE_LIMITED")
        )

    async def _run(self, name: str, payload: dict[str, Any], principal: Principal) -> None:
        operations = self._sockets.operations
        try:
            prepared = operations.prepare(OperationRequest.from_json(payload), principal)
            if prepared.is_subscription:
                await self._follow(name, prepared)
            else:
                await self._answer(name, prepared)
            await self._send({"id": name, "type": "complete"})
        except (Rejection, FlowkeepError) as error:
            await self._refuse(name, rejection_of(error, "on a socket"))
        except TimeoutError:
            await self._refuse(name, Rejection.of("This took too long and was stopped.", "TIMEOUT"))

    async def _answer(self, name: str, prepared: Prepared) -> None:
        async with self._answering, asyncio.timeout(self._sockets.settings.request_timeout) as deadline:
            with running(prepared.document, prepared.operation):
                answer = await self._sockets.operations.run(prepared)
            deadline.reschedule(None)
            await self._send({"id": name, "type": "next", "payload": answer})

    async def _follow(self, name: str, prepared: Prepared) -> None:
        head = f'{{"id":{orjson.dumps(name).decode()},"type":"next","payload":'
        async with self._sockets.operations.follow(prepared) as answers:
            async for text in answers:
                await self._send_text(f"{head}{text}}}")

    async def _refuse(self, name: str, rejection: Rejection) -> None:
        errors = self._sockets.operations.rejected(rejection)["errors"]
        await self._send({"id": name, "type": "error", "payload": errors})

    async def _send(self, message: Mapping[str, Any]) -> None:
        # Real clients refuse binary frames.
        await self._send_text(orjson.dumps(message, option=orjson.OPT_UTC_Z).decode())

    async def _send_text(self, text: str) -> None:
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        self._sending += 1
        self._heard_at = time.monotonic()
        try:
            async with self._turn:
                await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError):
            pass  # what reads the socket hears of it too, and ends everything
        finally:
            self._sending -= 1

    async def _close(self, code: int, reason: str) -> None:
        short = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        if self._websocket.application_state is not WebSocketState.DISCONNECTED:
            with suppress(WebSocketDisconnect, RuntimeError):
                await self._websocket.close(code, short)

    async def _end(self) -> None:
        tasks = [*self.running.values(), *([self._pinging] if self._pinging else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _authorization(payload: Mapping[str, Any]) -> str | None:
    nested = payload.get("headers")
    for source in (payload, nested if isinstance(nested, dict) else {}):
        for name, value in source.items():
            if name.lower() == "authorization" and isinstance(value, str):
                return value
    return None
