"""Public ids: opaque to clients, typed and readable to people, cheap to make by the thousand.

`wf_` and `exec_` are followed by the key's 32 hexadecimal digits; children of an execution add their
sequence number: `step_…_12`. One form everywhere: results, arguments, the command line, logs.
"""

import re
from enum import Enum
from typing import Any
from uuid import UUID

from db.errors import InvalidInput

_ID = re.compile(r"([a-z]+)_([0-9a-f]{32})(?:_(0|[1-9][0-9]{0,18}))?", re.ASCII)
_GREATEST_SEQ = 2**63 - 1


class Kind(Enum):
    """What an id names: its prefix, what people call it, and whether a sequence number belongs to it."""

    WORKFLOW = ("wf", "workflow", False)
    EXECUTION = ("exec", "execution", False)
    STATE = ("state", "state", False)
    STATE_VERSION = ("stateat", "version of a state", True)
    STEP = ("step", "step", True)
    CHECKPOINT = ("chk", "checkpoint", True)
    LOG_ENTRY = ("log", "log entry", True)
    METRIC_POINT = ("met", "metric point", True)
    EVENT = ("evt", "event", True)
    AUDIT_ENTRY = ("aud", "audit entry", False)
    TOKEN = ("tok", "token", False)
    POLICY = ("pol", "retention policy", False)
    RUN = ("run", "run of retention", False)
    HOLD = ("hold", "hold", False)

    def __init__(self, prefix: str, noun: str, numbered: bool) -> None:
        self.prefix = prefix
        self.noun = noun
        self.numbered = numbered

    @property
    def form(self) -> str:
        """How such an id looks, for error messages."""
        return f"{self.prefix}_<32 hexadecimal digits>{'_<number>' if self.numbered else ''}"


_BY_PREFIX = {kind.prefix: kind for kind in Kind}
_PREFIXES = ", ".join(sorted(f"{prefix}_" for prefix in _BY_PREFIX))

Key = tuple[UUID] | tuple[UUID, int]


def encode(kind: Kind, key: UUID, seq: int | None = None) -> str:
    """The public id of a row."""
    return f"{kind.prefix}_{key.hex}" if seq is None else f"{kind.prefix}_{key.hex}_{seq}"


def encode_all(kind: Kind, keys: list[Any]) -> list[str]:
    """The public ids of many rows: of keys, or of pairs of a key and a sequence number."""
    prefix = kind.prefix
    if kind.numbered:
        return [f"{prefix}_{key.hex}_{seq}" for key, seq in keys]
    return [f"{prefix}_{key.hex}" for key in keys]


def decode(text: str) -> tuple[Kind, Key]:
    """What an id names and the key of its row; raises `InvalidInput` for anything that is not an id."""
    match = _ID.fullmatch(text)
    kind = _BY_PREFIX.get(match[1]) if match else None
    if match is None or kind is None or kind.numbered != (match[3] is not None):
        raise InvalidInput(f"{text[:100]!r} is not an id. Ids start with one of {_PREFIXES}.")
    if match[3] is None:
        return kind, (UUID(match[2]),)
    seq = int(match[3])
    if seq > _GREATEST_SEQ:
        raise InvalidInput(f"{text!r} is not an id: its number is over {_GREATEST_SEQ}.")
    return kind, (UUID(match[2]), seq)


def decode_as(kind: Kind, text: str) -> Key:
    """The key that an id of one kind names; raises `InvalidInput` for an id of another kind, saying so."""
    try:
        found, key = decode(text)
    except InvalidInput as error:
        raise InvalidInput(f"{error} The id of a {kind.noun} looks like {kind.form}.") from None
    if found is not kind:
        raise InvalidInput(
            f"{text!r} is the id of a {found.noun}, where the id of a {kind.noun} ({kind.form}) belongs."
        )
    return key
