"""What every write carries besides its own input: who, under which lease, and whether it is a repetition."""

from dataclasses import dataclass
from typing import Any

from db.errors import IdempotencyConflict


@dataclass(frozen=True, slots=True)
class Write:
    """The circumstances of one write.

    `fingerprint` stands for the input; `key`, where the caller gave one, makes a repetition answer with
    the first outcome; `epoch`, where given, must be the present lease's. While a lease is valid, what only
    its holder may write needs one, unless the write is `lenient`.
    """

    actor: str
    fingerprint: bytes
    key: str | None = None
    epoch: int | None = None
    lenient: bool = False


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
