"""HTTP as bytes, for what no client would send."""

import asyncio
from asyncio import StreamReader, StreamWriter
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from tests.patience import PATIENCE

HEALTH = b'{"query": "{ health { version } }"}'


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> Any:
        """The code of the first error."""
        return orjson.loads(self.body)["errors"][0]["extensions"]["code"]


async def connect(url: str) -> tuple[StreamReader, StreamWriter]:
    """A connection to the server."""
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


def head(url: str, method: str = "POST", **headers: str) -> bytes:
    """The lines before the body; underscores in names are dashes, and an empty value leaves a header out."""
    lines = {"host": urlsplit(url).netloc, "content-type": "application/json", "connection": "close"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    kept = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"{method} {urlsplit(url).path} HTTP/1.1\r\n{kept}\r\n".encode("latin-1")


async def exchange(url: str, sent: bytes) -> Answer:
    """Send bytes, and read until the server closes."""
    reader, writer = await connect(url)
    writer.write(sent)
    return await answer(reader, writer)


async def answer(reader: StreamReader, writer: StreamWriter) -> Answer:
    """What the server says before it closes."""
    async with asyncio.timeout(PATIENCE):
        first, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    status, *lines = first.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return Answer(int(status.split(" ")[1]), {name.lower(): value for name, _, value in pairs}, body)


async def post(url: str, body: bytes, **headers: str) -> Answer:
    """Post a body with its length."""
    return await exchange(url, head(url, content_length=str(len(body)), **headers) + body)
