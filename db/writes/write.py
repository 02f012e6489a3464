"""What every write carries besides its own input: who, under which lease, and whether it is a repetition."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from db.errors import IdempotencyConflict

_UNDERSCORED = re.compile("_(.)")


@dataclass(frozen=True, slots=True)
class Write:
    """The circumstances of one write.

    `key`, where the caller gave one, makes a repetition answer with the first outcome, and `fingerprint`
    stands for the input by which a repetition is told from another write with the same key: without a key it
    may be empty. `epoch`, where given, must be the present lease's. While a lease is valid, what only its
    holder may write needs one, unless the write is `lenient`. `size` is about how many bytes the input has,
    where that is known. Raises ValueError for a key without a fingerprint.
    """

    actor: str
    fingerprint: bytes = b""
    key: str | None = None
    epoch: int | None = None
    lenient: bool = False
    size: int = 0

    def __post_init__(self) -> None:
        if self.key is not None and not self.fingerprint:
            raise ValueError("a write with a key needs the fingerprint of its input")

    def without_key(self) -> "Write":
        """The same for what only tells: a look must not be taken for the deed that follows it."""
        return replace(self, key=None)


class Replay(Exception):
    """The write was made before: `outcome` is what was recorded then."""

    def __init__(self, outcome: dict[str, Any]) -> None:
        super().__init__("made before")
        self.outcome = outcome


def replayed(write: Write, fingerprint: bytes, outcome: dict[str, Any]) -> Replay:
    """The first outcome for a repetition; raises `IdempotencyConflict` where the input was another."""
    if fingerprint != write.fingerprint:
        raise IdempotencyConflict(write.key or "")
    return Replay(outcome)


def shown(changes: Mapping[str, Any]) -> dict[str, Any]:
    """What the history says of changes, by the API's names of what changed: `currentStep`."""
    return {_api_name(name): change for name, change in changes.items()}


@cache
def _api_name(column: str) -> str:
    return _UNDERSCORED.sub(lambda found: found[1].upper(), column)
