"""Who a request comes from, by its `Authorization` header."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from db.engine import Database
from db.queries.tokens import any_tokens
from graph.auth.errors import Unauthenticated
from graph.auth.oidc import Oidc
from graph.auth.principals import ANONYMOUS, Principal
from graph.auth.provider_keys import ProviderKeys
from graph.auth.sharing import Shared
from graph.auth.tokens import PREFIX, Tokens, from_token
from graph.settings import Settings

RECHECK_SECONDS = 1.0
_MISSING = "Who asks? Send the header `Authorization: Bearer <token>`."


class Authenticator:
    """Tells callers apart. It holds no connection, only what it remembers for seconds."""

    def __init__(
        self, database: Database, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._clock = database, clock
        self._tokens = Tokens(database, clock)
        self._oidc = _oidc(settings, clock)
        self._is_required = settings.auth == "required" or self._oidc is not None
        self._looked = clock() - RECHECK_SECONDS
        self._looking: Shared[None, None] = Shared()

    async def authenticate(self, authorization: str | None) -> Principal:
        """Whose request it is; a header that is there is verified, needed or not.

        Raises `Unauthenticated`, and `Unavailable` where that can't be told for now.
        """
        if authorization is None:
            if await self.required():
                raise Unauthenticated(_MISSING)
            return ANONYMOUS
        scheme, _, rest = authorization.partition(" ")
        token = rest.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(f"The `Authorization` header is not understood. {_MISSING}")
        if token.startswith(PREFIX):
            return await self._tokens.verify(token)
        if self._oidc is None:
            raise Unauthenticated("This is not a valid token.")
        return await self._oidc.verify(token)

    async def required(self) -> bool:
        """Whether callers must say who they are.

        They must once it is set, or a provider is, or a token was ever created; that last one, once seen,
        stays so as long as the process lives. Raises `Unavailable` where that can't be told for now.
        """
        if not self._is_required and self._clock() - self._looked >= RECHECK_SECONDS:
            await self._looking.run(None, self._look)
        return self._is_required

    async def still_valid(self, principal: Principal) -> bool:
        """Whether a caller who was let in would be let in again: what a connection that stays open asks.

        Raises `Unavailable` where that can't be told for now.
        """
        if principal.expires_at is not None and datetime.now(UTC) >= principal.expires_at:
            return False
        if principal == ANONYMOUS:
            return not await self.required()
        return await self._tokens.still_valid(principal) if from_token(principal) else True

    async def _look(self) -> None:
        looked = self._clock()
        self._is_required = await any_tokens(self._database)
        self._looked = looked


def _oidc(settings: Settings, clock: Callable[[], float]) -> Oidc | None:
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    keys = ProviderKeys(settings.oidc_issuer, settings.oidc_jwks_url, clock=clock)
    return Oidc(settings.oidc_issuer, settings.oidc_audience, settings.oidc_scope_claim, keys)
