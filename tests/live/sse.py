"""Server-sent events as a client reads them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from tests.patience import PATIENCE

EVENT_STREAM = {"Accept": "text/event-stream"}


class Events:
    """The blocks of one response, one after the other."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> tuple[str, str]:
        """The next event and its data, or `:` and a comment; nothing at the end."""
        event = data = ""
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if line.startswith(":"):
                    event, data = ":", line[1:].strip()
                elif line.startswith("event:"):
                    event = line[6:].strip()
                elif line.startswith("data:"):
                    data = line[5:].strip()
                elif event:
                    return event, data
        return "", ""

    async def event(self) -> tuple[str, Any]:
        """The next event, comments passed over, and its data as JSON."""
        while (block := await self.block())[0] == ":":
            pass
        return block[0], orjson.loads(block[1]) if block[1] else None

    async def items(self, number: int) -> list[dict[str, Any]]:
        """What the next answers hold."""
        found = []
        for _ in range(number):
            event, answer = await self.event()
            assert event == "next", event
            (item,) = answer["data"].values()
            found.append(dict(item))
        return found


@asynccontextmanager
async def streamed(
    url: str, document: str, token: str | None = None, **variables: Any
) -> AsyncIterator[Events]:
    """A response that is read as it comes."""
    headers = EVENT_STREAM if token is None else EVENT_STREAM | {"Authorization": f"Bearer {token}"}
    body = {"query": document, "variables": variables}
    async with (
        httpx.AsyncClient(verify=False, timeout=30) as http,
        http.stream("POST", url, json=body, headers=headers) as response,
    ):
        yield Events(response)
