"""`flowkeep token`: who may call the API, and what they may do there."""

import getpass
import os
import re
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from db.engine import Database
from db.enums import Scope
from db.errors import InvalidInput, NotFound
from db.migrate import require_head
from db.queries.filters import TokenFilter
from db.queries.pages import Row, Window, fetch_page
from db.queries.sources import ALL_TOKENS, TOKENS
from db.queries.tokens import find_live
from db.writes.tokens import NewToken, create_token, revoke_token
from db.writes.write import Write
from graph.auth.tokens import mint
from graph.commands.common import AsJson, DataDir, run, with_database
from graph.commands.environment import load_settings
from graph.commands.tables import print_table
from graph.commands.terminal import report, say, say_json
from graph.ids import Kind, decode_as, encode
from graph.scalars import parse_datetime

T = TypeVar("T")

_PAGE = 500
_LENGTHS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_PUBLIC_ID = f"{Kind.TOKEN.prefix}_"

tokens = typer.Typer(
    help="Say who may call the API.\n\n"
    "A client shows its token in the header `Authorization: Bearer TOKEN`. Once the first token is created, "
    "every client needs one, and the service may listen on other addresses than this machine's own.",
    no_args_is_help=True,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A token as it is listed."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def state(self) -> str:
        """What it is good for now."""
        if self.revoked_at is not None:
            return "revoked"
        return "live" if self.expires_at is None or datetime.now(UTC) < self.expires_at else "expired"


@tokens.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use it; the actor of what is written with it.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            case_sensitive=False,
            help="What it is good for: READ, WRITE (which does not include READ), or ADMIN, which is all. "
            "Repeat it for more than one; without it, READ.",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            help="When it ends: after hours, days or weeks (12h, 90d, 8w), or at a date (2027-01-01, "
            "2027-01-01T12:00:00Z). Without it, never.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a token and print it, this once: only its hash is kept.

    An engine needs READ and WRITE, a dashboard READ:

        flowkeep token create engine --scope READ --scope WRITE --expires 90d

        flowkeep token create dashboard
    """
    minted = mint()
    token = NewToken(minted.id, name, tuple(scope or [Scope.READ]), minted.secret_hash, _moment(expires))
    _on_database(lambda database: create_token(database, cli_write(), token), data_dir=data_dir)
    if as_json:
        made = {
            "id": encode(Kind.TOKEN, token.id),
            "name": name,
            "scopes": token.scopes,
            "expiresAt": token.expires_at,
            "token": minted.text,
        }
        say_json(made)
        return
    until = f"until {_shown(token.expires_at)}" if token.expires_at else "until it is revoked"
    say(f"The token {name!r} is good for {', '.join(token.scopes)} {until}.", err=True)
    say("Keep it now, it can't be shown again. Clients send `Authorization: Bearer` and it.", err=True)
    say(minted.text)


@tokens.command("list")
def list_tokens(
    everything: Annotated[bool, typer.Option("--all", help="Also those that were revoked.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the tokens, newest first; their secrets are not known any more."""
    narrowed = TokenFilter(revoked=None if everything else False)
    shown = _on_database(lambda database: _listed(database, narrowed), data_dir=data_dir)
    if as_json:
        say_json([_as_json(token) for token in shown])
        return
    headings = ("name", "scopes", "state", "expires", "created", "by", "id")
    print_table(headings, map(_row, shown))


@tokens.command()
def revoke(
    name_or_id: Annotated[str, typer.Argument(help="The token's name, or its id (tok_…).")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a token worthless for good; servers that run notice within five seconds.

    Its name is free again then. Revoking it once more changes nothing.
    """

    async def work(database: Database) -> UUID:
        return await revoke_token(database, cli_write(), await _key(database, name_or_id))

    revoked = encode(Kind.TOKEN, _on_database(work, data_dir=data_dir))
    report({"id": revoked}, f"{revoked} is revoked.", as_json=as_json)


def _on_database(work: Callable[[Database], Coroutine[Any, Any, T]], **given: Any) -> T:
    async def whole(database: Database) -> T:
        await require_head(database)
        return await work(database)

    with with_database(load_settings(**given)) as settings:
        return run(settings, whole)


async def _key(database: Database, name_or_id: str) -> UUID:
    found = await find_live(database, name_or_id)
    if found is None and name_or_id.startswith(_PUBLIC_ID):
        return decode_as(Kind.TOKEN, name_or_id)[0]
    if found is None:
        raise NotFound("token", f"{name_or_id!r} that is not revoked")
    return found


async def _listed(database: Database, narrowed: TokenFilter) -> list[Shown]:
    found: list[Row] = []
    window = Window(TOKENS.order("CREATED_AT"), True, _PAGE)
    async with database.reading() as connection:
        more = True
        while more:
            place = window.place(found[-1]) if found else None
            page = await fetch_page(
                connection, ALL_TOKENS, narrowed, Window(window.order, True, _PAGE, after=place)
            )
            found += page.rows
            more = page.more
    return [Shown(**{**row, "id": encode(Kind.TOKEN, row["id"])}) for row in found]


def _row(token: Shown) -> tuple[str, ...]:
    created, expires = _shown(token.created_at), _shown(token.expires_at)
    return token.name, " ".join(token.scopes), token.state, expires, created, token.created_by, token.id


def _as_json(token: Shown) -> dict[str, Any]:
    row = asdict(token)
    names = {"created_at": "createdAt", "created_by": "createdBy", "expires_at": "expiresAt"}
    names["revoked_at"] = "revokedAt"
    return {names.get(name, name): value for name, value in row.items()} | {"state": token.state}


def cli_write() -> Write:
    """The circumstances of a write from a command line: the actor is the user of this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # in a container, the user may have a number only
        user = str(os.getuid())
    return Write(f"cli:{user}")


def _moment(text: str | None) -> datetime | None:
    """When a token ends; raises `InvalidInput` for what is neither a length of time nor a date."""
    if text is None:
        return None
    length = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    try:
        if length is not None:
            return datetime.now(UTC) + int(length[1]) * _LENGTHS[length[2]]
        return parse_datetime(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except (InvalidInput, OverflowError) as error:
        raise InvalidInput(
            f"{text!r} is not when a token ends: give a length of time such as 12h, 90d or 8w, or a date "
            "such as 2027-01-01 or 2027-01-01T12:00:00Z."
        ) from error


def _shown(moment: datetime | None) -> str:
    return "never" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
