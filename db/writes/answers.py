"""What a write that is made in a batch comes to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias
from uuid import UUID

import asyncpg

from db.engine import Database
from db.errors import FlowkeepError
from db.writes.needs import Needs
from db.writes.write import Write

Outcome: TypeAlias = dict[str, Any]
# Its outcome, its refusal, what it needs to see as well; None where its rows are held by somebody else.
Answer: TypeAlias = Outcome | FlowkeepError | Needs | None


class Submitted(Protocol):
    """A write to be made in a batch."""

    @property
    def execution_id(self) -> UUID:
        """What it writes to: never in two batches at once."""

    @property
    def write(self) -> Write:
        """Its circumstances."""

    @property
    def size(self) -> int:
        """About how many bytes it brings along."""

    @property
    def exclusive(self) -> bool:
        """Whether it must be the only one to its execution in its batch."""


# SQLSTATEs that leave open what became of a statement: of lost connections, and of a server that closes them.
_OPEN = ("08", "57P")


class Transaction(Protocol):
    """Writes that are made together."""

    committing: bool

    async def make(self, database: Database, *, skip_locked: bool) -> Sequence[Answer]:
        """Make them; raises where the whole failed."""


@contextmanager
def committing(transaction: Transaction) -> Iterator[None]:
    """Around a statement that commits by itself: it may have, unless the server says that it failed."""
    transaction.committing = True
    try:
        yield
    except asyncpg.PostgresError as error:
        transaction.committing = error.sqlstate.startswith(_OPEN)
        raise
    transaction.committing = False
