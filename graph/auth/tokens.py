"""Our own tokens: `fk_<id>_<secret>`, shown once, kept as a hash.

The id finds the row by its key; the secret is compared in constant time, with the hash of nothing where
there is no such row, and rows that are not there are remembered like those that are: neither time nor the
number of statements tells whether an id exists.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from db.engine import Database
from db.enums import Scope
from db.ids import uuid7
from db.queries.tokens import KnownToken, fetch_token
from graph.auth.errors import Unauthenticated
from graph.auth.principals import Principal
from graph.auth.sharing import Shared
from graph.ids import Kind, decode_as, encode

PREFIX = "fk_"
REMEMBERED_SECONDS = 5.0
STAYING_SECONDS = 3.0
REMEMBERED_TOKENS = 10_000
# The id's 32 hexadecimal digits and the 43 that base64 makes of 256 bits.
_FORM = re.compile(r"fk_([0-9a-f]{32})_([A-Za-z0-9_-]{43})", re.ASCII)
_KEY = "token:"
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Minted:
    """A token that was just made: what to show once, and what to keep."""

    id: UUID
    text: str
    secret_hash: bytes


def mint() -> Minted:
    """A new token with 256 random bits."""
    key, secret = uuid7(), secrets.token_urlsafe(32)
    return Minted(key, f"{PREFIX}{key.hex}_{secret}", hash_of(secret))


def hash_of(secret: str) -> bytes:
    """What is kept of a secret. Fast on purpose: nobody guesses 256 random bits, however fast the hash."""
    return hashlib.sha256(secret.encode()).digest()


def parse(text: str) -> tuple[UUID, str]:
    """The id and the secret of a token; raises `Unauthenticated` for what is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise Unauthenticated("This is not a valid token.")
    return UUID(match[1]), match[2]


class Tokens:
    """Tells whose a token is.

    A row is remembered for five seconds, so that a busy token costs no statement a request; a revocation
    is felt within that time, the end of a token's time at once. Connections that stay open are asked about
    every second, and by rows that are younger, so that they end within the five seconds too.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        # Apart, so that a flood of made-up ids pushes out none that exist.
        self._known: _Memory = _Memory()
        self._unknown: _Memory = _Memory()
        self._loading: Shared[UUID, KnownToken | None] = Shared()

    async def verify(self, text: str) -> Principal:
        """Whose token it is; raises `Unauthenticated`, `Unavailable` where the database can't be asked."""
        key, secret = parse(text)
        token = await self._find(key, REMEMBERED_SECONDS)
        same = hmac.compare_digest(hash_of(secret), _NO_HASH if token is None else token.secret_hash)
        if token is None or not same or token.revoked_at is not None:
            raise Unauthenticated("This is not a valid token.")
        if not _in_time(token):
            raise Unauthenticated("This token has expired.")
        return _principal(token)

    async def still_valid(self, principal: Principal) -> bool:
        """Whether a caller who came in by a token could come in again."""
        key, *_ = decode_as(Kind.TOKEN, principal.key.removeprefix(_KEY))
        token = await self._find(key, STAYING_SECONDS)
        return token is not None and token.revoked_at is None and _in_time(token)

    async def _find(self, key: UUID, seconds: float) -> KnownToken | None:
        fresh = self._clock() - seconds
        for memory in (self._known, self._unknown):
            if key in memory and memory[key][1] > fresh:
                return memory[key][0]
        return await self._loading.run(key, lambda: self._load(key))

    async def _load(self, key: UUID) -> KnownToken | None:
        asked = self._clock()
        token = await fetch_token(self._database, key)
        (self._unknown if token is None else self._known).keep(key, token, asked)
        return token


class _Memory(OrderedDict[UUID, tuple[KnownToken | None, float]]):
    """Rows and when they were asked for; the oldest goes when there are too many."""

    def keep(self, key: UUID, token: KnownToken | None, asked: float) -> None:
        self[key] = token, asked
        self.move_to_end(key)
        if len(self) > REMEMBERED_TOKENS:
            self.popitem(last=False)


def from_token(principal: Principal) -> bool:
    """Whether a caller came in by one of our tokens."""
    return principal.key.startswith(_KEY)


def _in_time(token: KnownToken) -> bool:
    return token.expires_at is None or datetime.now(UTC) < token.expires_at


def _principal(token: KnownToken) -> Principal:
    scopes = frozenset(Scope(scope) for scope in token.scopes)
    return Principal(token.name, scopes, f"{_KEY}{encode(Kind.TOKEN, token.id)}", token.expires_at)
