"""UUIDv7: time-ordered keys, so that id order is time order and partitions follow time (RFC 9562)."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from asyncpg.pgproto import pgproto

# The driver's: it is made, hashed and compared without calls of Python's, where a write would make dozens.
parse_uuid: Callable[[str], UUID] = pgproto.UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RANDOM_MASK = (1 << 62) - 1


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds from 1970-01-01 UTC to an aware `moment`, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def uuid7(at: datetime | None = None, entropy: bytes | None = None) -> UUID:
    """A version 7 UUID for the moment `at` (default: now).

    `entropy` (10 bytes or more) replaces the random bits: with the same moment it gives the same id,
    which is how a repeated import finds what it wrote before.
    """
    stamp = time.time_ns() // 1_000_000 if at is None else milliseconds(at)
    bits = int.from_bytes(os.urandom(10) if entropy is None else entropy[:10], "big")
    rand_a, rand_b = bits >> 68, bits & _RANDOM_MASK
    return UUID(int=stamp << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def uuid7_floor(at: datetime) -> UUID:
    """The least UUID that any version 7 UUID of the moment `at` or later can have: a range bound."""
    return UUID(int=max(0, milliseconds(at)) << 80)


def uuid7_time(value: UUID) -> datetime:
    """The moment, to the millisecond, that a version 7 UUID carries."""
    return _EPOCH + timedelta(milliseconds=value.int >> 80)
