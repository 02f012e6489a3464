"""A provider's public keys (a JWK set): fetched when they are needed, and again when they have changed.

They are kept for ten minutes, and fetched before that for a key that is not among them, which is how a
provider's new key is noticed. Two fetches are at least ten seconds apart, whatever callers send. While the
provider can't be reached, what was fetched last is good.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import jwt

from db.errors import Unavailable
from graph.auth.fetching import FetchError, fetch_json
from graph.auth.sharing import Shared

logger = logging.getLogger("flowkeep.auth")

LIFETIME_SECONDS = 600.0
PAUSE_SECONDS = 10.0
LONGEST_FETCH_SECONDS = 15.0
DISCOVERY = "/.well-known/openid-configuration"
_KINDS = ("RSA", "EC", "OKP")  # a shared secret (oct) is no public key

Jwk = dict[str, Any]


class ProviderKeys:
    """The keys of one issuer, at `url` or where its discovery document says."""

    def __init__(
        self,
        issuer: str,
        url: str | None,
        fetch: Callable[[str], Any] = fetch_json,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._url = issuer, url
        self._fetch, self._clock = fetch, clock
        self._keys: list[Jwk] | None = None
        self._made: dict[tuple[str | None, str], jwt.PyJWK] = {}
        self._fetched = self._tried = clock() - LIFETIME_SECONDS
        self._failing = False
        self._fetching: Shared[None, None] = Shared()

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key with this id that fits the algorithm; without an id the only one that fits.

        Raises `Unavailable` where no keys could be fetched yet.
        """
        await self._keep_fresh()
        if self._keys is None:
            raise Unavailable("The identity provider's keys can't be fetched; try again.")
        key = self._among(kid, algorithm)
        if key is None and await self._refreshed():
            key = self._among(kid, algorithm)
        return key

    async def _keep_fresh(self) -> None:
        if self._clock() - self._fetched < LIFETIME_SECONDS:
            return
        if self._keys is not None and self._failing:
            # Nobody waits for a provider that did not answer last time.
            if self._may_fetch():
                self._fetching.start(None, self._refresh)
        else:
            await self._refreshed()

    async def _refreshed(self) -> bool:
        """Fetch, unless that was tried a moment ago; whether it was done."""
        if not self._may_fetch():
            return False
        await self._fetching.run(None, self._refresh)
        return True

    def _may_fetch(self) -> bool:
        return self._fetching.busy(None) or self._clock() - self._tried >= PAUSE_SECONDS

    async def _refresh(self) -> None:
        self._tried = self._clock()
        try:
            # The thread's own limits leave out what takes its time before there is a connection.
            async with asyncio.timeout(LONGEST_FETCH_SECONDS):
                self._keys = await asyncio.to_thread(self._fetch_keys)
            self._made.clear()
            self._fetched, self._failing = self._clock(), False
        except (FetchError, TimeoutError) as error:
            self._failing = True
            logger.warning("The keys of %s could not be fetched: %s", self._issuer, error)

    def _fetch_keys(self) -> list[Jwk]:
        url = self._url or self._discovered()
        answer = self._fetch(url)
        keys = answer.get("keys") if isinstance(answer, dict) else None
        if not isinstance(keys, list):
            raise FetchError(f"{url} holds no JWK set")
        return [key for key in keys if isinstance(key, dict) and _signs(key)]

    def _discovered(self) -> str:
        url = f"{self._issuer.rstrip('/')}{DISCOVERY}"
        answer = self._fetch(url)
        if not isinstance(answer, dict) or answer.get("issuer") != self._issuer:
            raise FetchError(f"{url} is not about the issuer {self._issuer}")
        found = answer.get("jwks_uri")
        if not isinstance(found, str):
            raise FetchError(f"{url} names no jwks_uri")
        return found

    def _among(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        if (kid, algorithm) in self._made:
            return self._made[kid, algorithm]
        named = [key for key in self._keys or [] if kid is None or key.get("kid") == kid]
        fitting = [made for key in named if (made := _made(key, algorithm)) is not None]
        if not fitting or (kid is None and len(fitting) > 1):
            return None
        return self._made.setdefault((kid, algorithm), fitting[0])


def _signs(key: Jwk) -> bool:
    return key.get("kty") in _KINDS and key.get("use") in (None, "sig")


def _made(key: Jwk, algorithm: str) -> jwt.PyJWK | None:
    """The key for one algorithm; None where it is for another."""
    if key.get("alg") not in (None, algorithm):
        return None
    try:
        return jwt.PyJWK(key, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
