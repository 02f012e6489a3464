"""What a write that is made in a batch comes to."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias
from uuid import UUID

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


class Transaction(Protocol):
    """Writes that are made together."""

    committing: bool

    async def make(self, database: Database, *, skip_locked: bool) -> Sequence[Answer]:
        """Make them; raises where the whole failed."""
