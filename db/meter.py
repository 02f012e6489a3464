"""How many bytes an operation has fetched: counted value by value as they arrive, so that a statement that
brings more than there is room for is given up while it runs, not when all of it is there.

What can be long in this schema is text or JSON; the driver decodes those through here.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from db.errors import Occupied, TooLarge


@dataclass(slots=True)
class Holdings:
    """What all operations of a process have fetched and still hold, in bytes, and how much may be held."""

    most: int
    held: int = 0


class Budget:
    """What one operation may fetch; `widest` is its largest value so far."""

    __slots__ = ("_holdings", "_limit", "spent", "widest")

    def __init__(self, limit: int, holdings: Holdings) -> None:
        self._limit = limit
        self._holdings = holdings
        self.spent = 0
        self.widest = 0

    def spend(self, size: int) -> None:
        """Count a value; raises `TooLarge`, and `Occupied` where others hold too much already."""
        self.spent += size
        self._holdings.held += size
        if size > self.widest:
            self.widest = size
        if self.spent > self._limit:
            raise TooLarge("What this fetches, in bytes,", self.spent, self._limit)
        if self._holdings.held > self._holdings.most:
            raise Occupied("Too much is being answered at once; try again.")

    def release(self) -> None:
        """Its operation is over; what may still arrive is held for nobody."""
        self._holdings.held -= self.spent
        self._holdings = Holdings(sys.maxsize)
        self.spent = 0


class Meter:
    """Counts what one connection brings, for whoever uses it at the time."""

    __slots__ = ("budget",)

    def __init__(self) -> None:
        self.budget: Budget | None = None

    async def install(self, connection: asyncpg.Connection) -> None:
        """Have the connection decode through here."""
        for name, decode in (("text", self._text), ("json", self._text), ("jsonb", self._jsonb)):
            encode: Callable[[str], bytes] = _jsonb_of if name == "jsonb" else str.encode
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=encode, decoder=decode, format="binary"
            )

    def _text(self, data: bytes) -> str:
        if self.budget is not None:
            self.budget.spend(len(data))
        return data.decode()

    def _jsonb(self, data: bytes) -> str:
        if self.budget is not None:
            self.budget.spend(len(data))
        return data[1:].decode()  # before it is the format's version


def _jsonb_of(value: str) -> bytes:
    return b"\x01" + value.encode()
