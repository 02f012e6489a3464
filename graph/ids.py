"""Public ids: opaque to clients, typed and readable to people, cheap to make by the thousand.

`wf_` and `exec_` are followed by the key's 32 hexadecimal digits; children of an execution add their
sequence number: `step_…_12`; a change of a variable has the variable's name as well, in the letters of
base64url (RFC 4648). One form everywhere: results, arguments, the command line, logs.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from enum import Enum
from typing import Any
from uuid import UUID

from db.enums import Subject
from db.errors import InvalidInput

_ID = re.compile(r"([a-z]+)_([0-9a-f]{32})(?:_(0|[1-9][0-9]{0,18})(?:_([A-Za-z0-9_-]*))?)?", re.ASCII)
_GREATEST_SEQ = 2**63 - 1


class Kind(Enum):
    """What an id names: its prefix, what people call it, and whether a number and a name belong to it."""

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
    VARIABLE_CHANGE = ("var", "change of a variable", True, True)

    def __init__(self, prefix: str, noun: str, numbered: bool, named: bool = False) -> None:
        self.prefix = prefix
        self.noun = noun
        self.numbered = numbered
        self.named = named

    @property
    def one(self) -> str:
        """The noun with its article: `an execution`."""
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"

    @property
    def form(self) -> str:
        """How such an id looks, for error messages."""
        parts = "_<number>" * self.numbered + "_<name>" * self.named
        return f"{self.prefix}_<32 hexadecimal digits>{parts}"


_BY_PREFIX = {kind.prefix: kind for kind in Kind}
_PREFIXES = ", ".join(sorted(f"{prefix}_" for prefix in _BY_PREFIX))

# Of what has a name as well: the key, the name and the number.
Key = tuple[UUID] | tuple[UUID, int]


def encode(kind: Kind, key: UUID, *rest: Any) -> str:
    """The public id of a row: of its key, and with that its number, or its name and its number."""
    return encode_all(kind, [(key, *rest) if rest else key])[0]


def encode_all(kind: Kind, keys: list[Any]) -> list[str]:
    """The public ids of many rows: of keys, or of a key with a number, or a name and a number."""
    prefix = kind.prefix
    if kind.named:
        return [f"{prefix}_{key.hex}_{number}_{_lettered(name)}" for key, name, number in keys]
    if kind.numbered:
        return [f"{prefix}_{key.hex}_{seq}" for key, seq in keys]
    return [f"{prefix}_{key.hex}" for key in keys]


def decode(text: str, parse: Callable[[str], UUID] = UUID) -> tuple[Kind, Any]:
    """What an id names and the key of its row; raises `InvalidInput` for anything that is not an id.

    `parse` makes the UUID of its digits.
    """
    match = _ID.fullmatch(text)
    kind = _BY_PREFIX.get(match[1]) if match else None
    parts = (match[3] is not None, match[4] is not None) if match else ()
    if match is None or kind is None or parts != (kind.numbered, kind.named):
        raise _not_an_id(text)
    key = parse(match[2])
    if not kind.numbered:
        return kind, (key,)
    seq = int(match[3])
    if seq > _GREATEST_SEQ:
        raise InvalidInput(f"{text[:100]!r} is not an id: its number is over {_GREATEST_SEQ}.")
    return kind, (key, _name(text, match[4]), seq) if kind.named else (key, seq)


def _not_an_id(text: str) -> InvalidInput:
    return InvalidInput(f"{text[:100]!r} is not an id. Ids start with one of {_PREFIXES}.")


def _lettered(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _name(text: str, letters: str) -> str:
    try:
        name = urlsafe_b64decode(letters + "=" * (-len(letters) % 4)).decode()
    except (NotBase64, UnicodeDecodeError):
        raise _not_an_id(text) from None
    # Of several spellings one is the id's; and no text with a NUL was ever stored.
    if _lettered(name) != letters or "\0" in name:
        raise _not_an_id(text)
    return name


def decode_as(kind: Kind, text: str, parse: Callable[[str], UUID] = UUID) -> Key:
    """The key that an id of one kind names; raises `InvalidInput` for an id of another kind, saying so."""
    key: Key
    try:
        found, key = decode(text, parse)
    except InvalidInput as error:
        raise InvalidInput(f"{error} The id of {kind.one} looks like {kind.form}.") from None
    if found is not kind:
        raise InvalidInput(
            f"{text!r} is the id of {found.one}, where the id of {kind.one} ({kind.form}) belongs."
        )
    return key


def subject_of(text: str) -> tuple[Subject, UUID]:
    """What an id names, where that can be put on hold; raises `InvalidInput`."""
    kind, key = decode(text)
    if kind.name not in Subject.__members__:
        raise InvalidInput(f"A hold is on an execution or a workflow version, not on {kind.one}.")
    return Subject[kind.name], key[0]
