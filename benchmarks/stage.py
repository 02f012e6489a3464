"""What benchmarks play on: an embedded PostgreSQL with fsync on, real server processes, and their clients."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

FLOWKEEP = str(Path(sys.executable).with_name("flowkeep"))
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A server process."""

    url: str
    pid: int

    def memory(self) -> int:
        """Resident bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder with a migrated PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="flowkeep-bench-") as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "data"
        subprocess.run([FLOWKEEP, "migrate"], env=environment(folder), check=True, capture_output=True)
        yield folder


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A server process on the PostgreSQL of a folder."""
    command = [FLOWKEEP, "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(folder))
    assert process.stdout is not None
    with process:
        try:
            yield Server(process.stdout.readline().split()[-1], process.pid)
        finally:
            process.terminate()


def environment(folder: Path) -> dict[str, str]:
    """The environment of a command on the PostgreSQL of a folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLOWKEEP_")}
    return {**clean, "FLOWKEEP_DATA_DIR": str(folder), "FLOWKEEP_RATE_LIMIT": "0"}


class Client:
    """Asks one server."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self._http = http

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = orjson.dumps({"query": document, "variables": variables})
        headers = {"content-type": "application/json"}
        answer = orjson.loads((await self._http.post(self.url, content=body, headers=headers)).content)
        assert "errors" not in answer, answer
        return answer["data"]


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """A client with connections of its own."""
    async with httpx.AsyncClient(timeout=60, verify=False) as http:
        yield Client(url, http)


async def watch(url: str, document: str, **variables: Any) -> ClientConnection:
    """A socket that follows one subscription."""
    socket = await connect(
        url.replace("http://", "ws://"),
        subprotocols=[Subprotocol("graphql-transport-ws")],
        compression=None,
        ping_interval=None,
        max_queue=None,
    )
    payload = {"query": document, "variables": variables}
    for message in (
        {"type": "connection_init"},
        {"type": "subscribe", "id": "1", "payload": payload},
    ):
        await socket.send(orjson.dumps(message).decode())
    await socket.recv()
    return socket


@asynccontextmanager
async def watchers(
    url: str, document: str, each: list[dict[str, Any]]
) -> AsyncIterator[list[ClientConnection]]:
    """A socket for each set of variables."""
    room = asyncio.Semaphore(50)

    async def one(variables: dict[str, Any]) -> ClientConnection:
        async with room:
            return await watch(url, document, **variables)

    sockets = await asyncio.gather(*map(one, each))
    await asyncio.sleep(1)
    try:
        yield sockets
    finally:
        for socket in sockets:
            socket.transport.abort()
        await asyncio.sleep(0.5)
