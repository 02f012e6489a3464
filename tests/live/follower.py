"""A follower of one subscription on a socket of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.patience import PATIENCE

Message = dict[str, Any]


class Follower:
    """What one subscription brings, message by message."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def message(self) -> Message:
        """The next message, whatever it is."""
        async with asyncio.timeout(PATIENCE):
            message: Message = orjson.loads(await self.socket.recv())
        return message

    async def item(self) -> dict[str, Any]:
        """The next item; signs of life are passed over, and put nothing off."""
        async with asyncio.timeout(PATIENCE):
            while (message := await self.message())["type"] == "ping":
                pass
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        (item,) = message["payload"]["data"].values()
        return dict(item)

    async def take(self, number: int) -> list[dict[str, Any]]:
        """The next items."""
        return [await self.item() for _ in range(number)]

    async def seqs(self, number: int) -> list[int]:
        """The numbers of the next items."""
        return [seq_of(item) for item in await self.take(number)]

    async def silent(self, seconds: float = 0.4) -> bool:
        """Whether nothing comes for so long: longer than the longest poll."""
        try:
            async with asyncio.timeout(seconds):
                await self.socket.recv()
        except TimeoutError:
            return True
        return False

    async def ended(self) -> str:
        """How it ends, after whatever comes before: `complete`, or the code of an error."""
        while (message := await self.message())["type"] in ("next", "ping"):
            pass
        return str(message["payload"][0]["extensions"]["code"] if message["type"] == "error" else "complete")

    async def subscribe(self, document: str, name: str = "1", **variables: Any) -> None:
        """Start a subscription on this socket."""
        payload = {"query": document, "variables": variables}
        await self.say({"type": "subscribe", "id": name, "payload": payload})

    async def say(self, message: Message) -> None:
        """Send a message."""
        await self.socket.send(orjson.dumps(message).decode())


def seq_of(item: dict[str, Any]) -> int:
    """The number of an item's row."""
    return int(next(part["seq"] for name, part in item.items() if name in ("event", "entry")))


@asynccontextmanager
async def connected(url: str, token: str | None = None) -> AsyncIterator[Follower]:
    """A socket that was let in."""
    payload = {} if token is None else {"Authorization": f"Bearer {token}"}
    protocols = [Subprotocol("graphql-transport-ws")]
    async with connect(
        url.replace("http://", "ws://"), subprotocols=protocols, compression=None, close_timeout=1
    ) as socket:
        follower = Follower(socket)
        await follower.say({"type": "connection_init", "payload": payload})
        assert (await follower.message())["type"] == "connection_ack"
        yield follower
