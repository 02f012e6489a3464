"""Reads about tokens beyond lists: by key, with the hash; by name; and whether there are any."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.engine import Database

_BY_ID = "SELECT id, name, scopes, secret_hash, expires_at, revoked_at FROM tokens WHERE id = $1::uuid"
_LIVE = "SELECT id FROM tokens WHERE name = $1::text AND revoked_at IS NULL"


@dataclass(frozen=True, slots=True)
class KnownToken:
    """What it takes to tell whether a caller may come in."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    secret_hash: bytes
    expires_at: datetime | None
    revoked_at: datetime | None


async def fetch_token(database: Database, key: UUID) -> KnownToken | None:
    """The token with this key, with the hash of its secret; None where there is none."""
    async with database.reading() as connection:
        row = await connection.fetchrow(_BY_ID, key)
    return None if row is None else KnownToken(**{**row, "scopes": tuple(row["scopes"])})


async def find_live(database: Database, name: str) -> UUID | None:
    """The key of the token that has this name and is not revoked."""
    async with database.reading() as connection:
        found: UUID | None = await connection.fetchval(_LIVE, name)
    return found


async def any_tokens(database: Database) -> bool:
    """Whether a token was ever created; revoked ones count."""
    async with database.reading() as connection:
        return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM tokens)"))
