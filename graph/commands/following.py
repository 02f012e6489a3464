"""graphql-transport-ws from the client's side: one socket, and what its operations answer."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from db.errors import FlowkeepError, InvalidInput
from graph.addresses import is_loopback

_PROTOCOL = "graphql-transport-ws"
_OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 1.0
_PING_SECONDS = 5.0
_SILENT_SECONDS = 10.0
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
# What the service says about the moment, rather than about what was asked.
_PASSING = ("UNAVAILABLE", "UNWRITABLE", "TIMEOUT", "RATE_LIMITED")
_TOO_SLOW = 4408

# The library tells of cuts by itself, with tracebacks; here they are expected.
_logger = logging.getLogger("flowkeep.following")
_logger.addHandler(logging.NullHandler())
_logger.propagate = False


class Cut(Exception):
    """The connection has ended, or did not come to be; to try again may help."""


class Refused(FlowkeepError):
    """The service says no; to try again does not help."""


class Answer(NamedTuple):
    """One answer to the operation of that name."""

    name: str
    data: dict[str, Any]


class Socket:
    """An open socket on which the caller has said who it is."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._endless: set[str] = set()
        self._position: str | None = None

    async def ask(self, name: str, document: str, variables: Mapping[str, Any]) -> None:
        """Send a query, which has one answer."""
        payload: dict[str, Any] = {"query": document, "variables": variables}
        if self._position is not None:
            payload["extensions"] = {"after": self._position}
        await self._send({"id": name, "type": "subscribe", "payload": payload})

    async def follow(self, name: str, document: str, variables: Mapping[str, Any]) -> None:
        """Send a subscription, which has answers as long as the socket is open."""
        self._endless.add(name)
        await self.ask(name, document, variables)

    async def answer(self) -> Answer:
        """The next answer to any operation; raises `Cut` or `Refused` when there won't be one."""
        while True:
            match await self._receive():
                case {"type": "next", "payload": {"errors": errors}} | {"type": "error", "payload": errors}:
                    raise _failure(errors)
                case {"type": "next", "id": str(name), "payload": {"data": dict(data)} as payload}:
                    # What was told of is there for what is asked next, from whatever server it is read.
                    self._position = payload.get("extensions", {}).get("position", self._position)
                    return Answer(name, data)
                case {"type": "complete", "id": name} if name in self._endless:
                    raise Cut("the service ended it")
                case {"type": "ping"}:
                    await self._send({"type": "pong"})

    async def greet(self, token: str | None) -> None:
        """Say who is here, and wait to be let in."""
        payload = {"Authorization": f"Bearer {token}"} if token else {}
        await self._send({"type": "connection_init", "payload": payload})
        with _told_as_cut():
            async with asyncio.timeout(_OPEN_SECONDS):
                while (await self._receive()).get("type") != "connection_ack":
                    pass

    async def _send(self, message: Mapping[str, Any]) -> None:
        with _told_as_cut():
            await self._connection.send(orjson.dumps(message).decode())

    async def _receive(self) -> dict[str, Any]:
        with _told_as_cut():
            text = await self._connection.recv()
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Refused(f"What answers there does not speak {_PROTOCOL}.") from error
        return message if isinstance(message, dict) else {}


@asynccontextmanager
async def connected(url: str, token: str | None) -> AsyncIterator[Socket]:
    """A socket to the service at `url`; raises `Cut`, `Refused`, or `InvalidInput` for what is no URL."""
    address, own = _address(url)
    with _told_as_cut():
        connection = await connect(
            address,
            subprotocols=[Subprotocol(_PROTOCOL)],
            proxy=None if own else True,
            max_size=None,  # a change may hold a whole document
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=_PING_SECONDS,
            ping_timeout=_SILENT_SECONDS,
            logger=_logger,
        )
    # Only what the socket does is told as a cut, so nothing of the block's own is taken for one.
    async with connection:
        socket = Socket(connection)
        await socket.greet(token)
        yield socket


def _address(url: str) -> tuple[str, bool]:
    """Where its WebSockets are, and whether that is this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in _SCHEMES:
        raise InvalidInput(
            f"{url!r} is not where a service is: give something like http://host:8000/graphql."
        )
    return parts._replace(scheme=_SCHEMES[parts.scheme]).geturl(), is_loopback(host)


@contextmanager
def _told_as_cut() -> Iterator[None]:
    try:
        yield
    except ConnectionClosed as closed:
        raise _closing(closed) from closed
    except InvalidStatus as error:
        status = error.response.status_code
        sentence = f"it answers with the HTTP status {status}"
        raise Cut(sentence) if status >= 500 else Refused(f"The service refuses: {sentence}.") from error
    except TimeoutError as error:
        raise Cut("no answer") from error
    except OSError as error:
        known = error.errno is not None and error.errno > 0
        raise Cut(os.strerror(error.errno) if known else error.strerror or str(error)) from error  # type: ignore[arg-type]
    except WebSocketException as error:
        raise Cut(str(error)) from error


def _closing(closed: ConnectionClosed) -> Exception:
    """4400 to 4499 are the protocol's own refusals, anything else is the way of the network."""
    if closed.rcvd is None:
        return Cut("the connection broke")
    if closed.rcvd.code // 100 == 44 and closed.rcvd.code != _TOO_SLOW:
        return Refused(f"The service refuses: {closed.rcvd.reason or closed.rcvd.code}")
    return Cut(closed.rcvd.reason or "the service closed the connection")


def _failure(errors: Sequence[Mapping[str, Any]]) -> Exception:
    error = errors[0] if errors else {}
    message = str(error.get("message", "the service does not say why"))
    code = (error.get("extensions") or {}).get("code")
    return Cut(message.rstrip(".")) if code in _PASSING else Refused(message)
