"""Tokens: create, revoke. What is written about them never holds the secret."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Database
from db.enums import Scope
from db.errors import AlreadyExists, InvalidInput, NotFound
from db.ids import uuid7_time
from db.models import Token
from db.models.base import table
from db.writes.idempotent import Outcome, audit, write_idempotent
from db.writes.write import Write

LONGEST_NAME = 200
_SUBJECT = "TOKEN"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be; its key is made beforehand, since what the caller is shown holds it."""

    id: UUID
    name: str
    scopes: tuple[Scope, ...]
    secret_hash: bytes
    expires_at: datetime | None = None


async def create_token(database: Database, write: Write, token: NewToken) -> UUID:
    """Keep a token; returns its key.

    Raises `InvalidInput` for one that could never be of use, or whose name can't be shown; `AlreadyExists`
    where one that is not revoked has the name.
    """
    _require_sense(token)

    async def work(session: AsyncSession) -> Outcome:
        row = {
            "id": token.id,
            "name": token.name,
            "scopes": list(dict.fromkeys(token.scopes)),
            "secret_hash": token.secret_hash,
            "created_by": write.actor,
            "created_at": uuid7_time(token.id),
            "expires_at": token.expires_at,
        }
        statement = upsert(table(Token)).values(row).on_conflict_do_nothing().returning(Token.id)
        if (await session.execute(statement)).one_or_none() is None:
            raise AlreadyExists(
                f"There is a token {token.name!r}; revoke it first, or choose another name. "
                "One that has expired keeps its name until it is revoked."
            )
        after = {name: {"after": row[name]} for name in ("name", "scopes", "expires_at")}
        await audit(session, write, "TOKEN_CREATED", (_SUBJECT, token.id.hex), after)
        return {"token": token.id.hex}

    return UUID((await write_idempotent(database, write, work))["token"])


def _require_sense(token: NewToken) -> None:
    # The name is the actor in histories and logs, where a line break would pass for another entry.
    if not (1 <= len(token.name) <= LONGEST_NAME and token.name.isprintable()):
        raise InvalidInput(f"The name of a token has 1 to {LONGEST_NAME} characters that can be printed.")
    if not token.scopes:
        raise InvalidInput("A token without a scope is good for nothing: give it READ, WRITE or ADMIN.")
    if token.expires_at is not None and token.expires_at <= datetime.now(UTC):
        raise InvalidInput(f"A token expires in the future; {token.expires_at.isoformat()} is over.")


async def revoke_token(database: Database, write: Write, key: UUID) -> UUID:
    """Make a token worthless for good; one that is so already stays as it is. Returns its key.

    Raises `NotFound`.
    """

    async def work(session: AsyncSession) -> Outcome:
        statement = select(Token.name, Token.revoked_at).where(Token.id == key).with_for_update()
        before = (await session.execute(statement)).one_or_none()
        if before is None:
            raise NotFound("token", f"tok_{key.hex}")
        if before.revoked_at is None:
            revoked = (
                update(table(Token)).where(Token.id == key).values(revoked_at=func.statement_timestamp())
            )
            await session.execute(revoked)
            changes = {"name": {"before": before.name}}
            await audit(session, write, "TOKEN_REVOKED", (_SUBJECT, key.hex), changes)
        return {"token": key.hex}

    return UUID((await write_idempotent(database, write, work))["token"])
