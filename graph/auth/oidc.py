"""Tokens of an OpenID Connect provider: JWTs, verified by the provider's public keys."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import jwt

from db.enums import Scope
from graph.auth.errors import Unauthenticated
from graph.auth.principals import Principal
from graph.auth.provider_keys import ProviderKeys

# Only what a public key verifies: with HS256 among them, whoever knows the public key could sign; `none`
# is no signature at all.
ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
LEEWAY_SECONDS = 10
_LONGEST_TOKEN = 16_384
_LONGEST_SUBJECT = 255
_SCOPE_PREFIX = "FLOWKEEP:"
_INVALID = "This is not a valid token."
_MALFORMED = (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError)


class Oidc:
    """Tells whose a provider's token is."""

    def __init__(self, issuer: str, audience: str, scope_claim: str, keys: ProviderKeys) -> None:
        self._issuer, self._audience = issuer, audience
        self._scope_claim, self._keys = scope_claim, keys

    async def verify(self, text: str) -> Principal:
        """Whose token it is; raises `Unauthenticated`, `Unavailable` where there are no keys yet."""
        kid, algorithm = _header(text)
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise Unauthenticated(_INVALID)
        return self._principal(self._claims(text, key, algorithm))

    def _claims(self, text: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "enforce_minimum_key_length": True,
                },
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("This token has expired.") from error
        except jwt.ImmatureSignatureError as error:
            raise Unauthenticated("This token is not valid yet.") from error
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError) as error:
            raise Unauthenticated("This token is for another service or by another issuer.") from error
        except _MALFORMED as error:
            raise Unauthenticated(_INVALID) from error

    def _principal(self, claims: dict[str, Any]) -> Principal:
        subject = claims["sub"]
        # The subject is the actor in histories and logs.
        if not (1 <= len(subject) <= _LONGEST_SUBJECT and subject.isprintable()):
            raise Unauthenticated(_INVALID)
        try:
            expires = datetime.fromtimestamp(int(claims["exp"]), UTC)
        except _MALFORMED as error:
            raise Unauthenticated(_INVALID) from error
        scopes = frozenset(_scopes(claims.get(self._scope_claim)))
        return Principal(subject, scopes, f"oidc:{self._issuer}#{subject}", expires)


def _header(text: str) -> tuple[str | None, str]:
    """The key's id and the algorithm that a token says it was signed with; nothing is verified yet."""
    if len(text) > _LONGEST_TOKEN:
        raise Unauthenticated(_INVALID)
    try:
        header = jwt.get_unverified_header(text)
    except _MALFORMED as error:
        raise Unauthenticated(_INVALID) from error
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Unauthenticated(_INVALID)
    return header.get("kid"), algorithm


def _scopes(claim: object) -> Iterable[Scope]:
    """The scopes that a claim names: words apart by blanks, or a list; what is none of ours is left out."""
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    for word in words:
        name = word.upper().removeprefix(_SCOPE_PREFIX) if isinstance(word, str) else ""
        if name in Scope.__members__:
            yield Scope[name]
