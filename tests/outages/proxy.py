"""A proxy between the service and PostgreSQL's socket that cuts connections where it is told to."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path

SOCKET = ".s.PGSQL.5432"
_CHUNK = 65536
_BEGIN, _COMMIT = b"BEGIN;", b"COMMIT;"
_REASON = b"SFATAL\0VFATAL\0C57P02\0Mterminating connection because of crash of another server process\0\0"
_GOOD_BYE = b"E" + (len(_REASON) + 4).to_bytes(4, "big") + _REASON


class Sender(Enum):
    """Whose bytes are meant."""

    SERVICE = "service"
    POSTGRES = "postgres"


class Moment(Enum):
    """When a connection is cut at its COMMIT, or at a statement that commits by itself."""

    BEFORE = "before it reaches PostgreSQL"
    AFTER = "when PostgreSQL has answered it"


class _Cut(Exception):
    """This connection ends here."""


class _Connection:
    """One connection of the service, and the proxy's own to PostgreSQL."""

    def __init__(self, service: asyncio.StreamWriter, postgres: asyncio.StreamWriter, proxy: "Proxy") -> None:
        self._to = {Sender.SERVICE: postgres, Sender.POSTGRES: service}
        self._proxy = proxy
        self._is_meant = self._committing = self._in_transaction = False

    async def forward(self, reader: asyncio.StreamReader, sender: Sender) -> None:
        """Pass on what a side sends until it ends; then, or at a cut, end both sides at once."""
        try:
            while chunk := await reader.read(_CHUNK):
                self._cut_at_commit(chunk, sender)
                passed = self._proxy.allowed(len(chunk), sender)
                self._to[sender].write(chunk[:passed])
                await self._to[sender].drain()
                if passed < len(chunk):
                    raise _Cut
        except (_Cut, ConnectionError):
            pass
        finally:
            self.end()

    def say(self, message: bytes) -> None:
        """Tell the service something in PostgreSQL's name."""
        self._to[Sender.POSTGRES].write(message)

    def end(self) -> None:
        """End both sides, without good-byes."""
        for writer in self._to.values():
            writer.transport.abort()

    def _cut_at_commit(self, chunk: bytes, sender: Sender) -> None:
        moment = self._proxy.moment
        if sender is Sender.SERVICE and moment is not None:
            self._in_transaction |= _BEGIN in chunk
            self._is_meant |= self._proxy.mark in chunk
            self._committing |= self._is_meant and (not self._in_transaction or _COMMIT in chunk)
            self._in_transaction &= _COMMIT not in chunk
        if self._committing and (sender is Sender.POSTGRES or moment is Moment.BEFORE):
            self._proxy.moment = None
            self._proxy.cuts += 1
            raise _Cut


class Proxy:
    """Forwards to a socket. Counts the bytes that each side has `sent`, and the connections it has cut.

    With a `moment`, the next connection that commits what has the `mark` in it is cut then; the service's own
    jobs commit too.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._left: tuple[Sender, int] | None = None
        self._again: list[int] = []
        self._connections: set[_Connection] = set()
        self.sent: Counter[Sender] = Counter()
        self.cuts = 0
        self.moment: Moment | None = None
        self.mark = b""

    def cut_after(self, sender: Sender, numbers: list[int]) -> None:
        """Cut the connection that carries the n-th byte of a side from now on, for each n after the other."""
        self._again = numbers[1:]
        self._left = (sender, numbers[0])

    def cut_at(self, moment: Moment, mark: bytes) -> None:
        """Cut the next connection that commits what has the mark in it, at that moment."""
        self.cuts, self.moment, self.mark = 0, moment, mark

    def heal(self) -> None:
        """Cut nothing any more."""
        self._left, self.moment = None, None

    def cut_all(self) -> None:
        """Cut every connection there is."""
        for connection in self._connections:
            connection.end()
        self.cuts += len(self._connections)

    def say_good_bye(self) -> None:
        """What PostgreSQL says on every connection before it closes them, without closing them yet."""
        for connection in self._connections:
            connection.say(_GOOD_BYE)

    def allowed(self, number: int, sender: Sender) -> int:
        """How many of these bytes may pass; fewer where the connection is to be cut."""
        self.sent[sender] += number
        if self._left is None or self._left[0] is not sender:
            return number
        left = self._left[1]
        if number < left:
            self._left = (sender, left - number)
            return number
        self.cuts += 1
        self._left = (sender, self._again.pop(0)) if self._again else None
        return left - 1

    @asynccontextmanager
    async def listening(self, folder: Path) -> AsyncIterator[None]:
        """Take connections on a socket in `folder`, as PostgreSQL would."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, to_there = await asyncio.open_unix_connection(str(self._target))
            connection = _Connection(writer, to_there, self)
            self._connections.add(connection)
            for side, sender in ((reader, Sender.SERVICE), (there, Sender.POSTGRES)):
                task = asyncio.create_task(connection.forward(side, sender))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                task.add_done_callback(lambda _: self._connections.discard(connection))

        server = await asyncio.start_unix_server(serve, str(folder / SOCKET))
        async with server:
            yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
