"""Positions in the write-ahead log (LSNs): numbers of bytes, written as PostgreSQL writes them."""

import re

from db.errors import InvalidInput

_FORM = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})", re.ASCII)


def parse_lsn(text: str) -> int:
    """The position that a text such as `16/B374D848` names; raises `InvalidInput`."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise InvalidInput(f"{text[:40]!r} is no position: it should look like 16/B374D848.")
    high, low = found.groups()
    return int(high, 16) << 32 | int(low, 16)


def format_lsn(position: int) -> str:
    """The other way."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
