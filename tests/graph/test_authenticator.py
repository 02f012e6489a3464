"""Who is let in, by the `Authorization` header, and for how long."""

import asyncio
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from db.engine import Database
from db.enums import Scope
from db.errors import Unavailable
from db.ids import uuid7
from db.queries.tokens import KnownToken, any_tokens, fetch_token
from db.writes.tokens import revoke_token
from db.writes.write import Write
from graph.auth import authenticator as authenticators
from graph.auth import tokens
from graph.auth.authenticator import RECHECK_SECONDS, Authenticator
from graph.auth.errors import Forbidden, Unauthenticated
from graph.auth.principals import ANONYMOUS, Principal
from graph.auth.tokens import REMEMBERED_SECONDS, hash_of, mint, parse
from graph.http.sockets import SWEEP_SECONDS
from graph.ids import Kind, encode
from graph.settings import Settings
from tests.clocks import TOMORROW, DayPasses
from tests.factories import Factory
from tests.graph.provider import AUDIENCE, SUBJECT, Clock, Provider, SigningKey

WRITE = Write("test", b"")
INVALID = "This is not a valid token."


@pytest.fixture
def clock() -> Clock:
    """What is remembered gets old by it."""
    return Clock()


@pytest.fixture
def authenticator(database: Database, clock: Clock) -> Authenticator:
    """What is tested, as it is without any settings."""
    return Authenticator(database, Settings(), clock)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The tokens that the database was asked for."""
    asked: list[UUID] = []

    async def counting(database: Database, key: UUID) -> KnownToken | None:
        asked.append(key)
        return await fetch_token(database, key)

    monkeypatch.setattr(tokens, "fetch_token", counting)
    return asked


async def refused(authenticator: Authenticator, header: str | None) -> str:
    """Why somebody is not let in."""
    with pytest.raises(Unauthenticated) as raised:
        await authenticator.authenticate(header)
    return str(raised.value)


async def test_a_token_tells_who_asks(make: Factory, authenticator: Authenticator) -> None:
    text = await make.token(name="engine", scopes=[Scope.READ, Scope.WRITE])
    assert await authenticator.authenticate(f"Bearer {text}") == Principal(
        "engine", frozenset((Scope.READ, Scope.WRITE)), f"token:{encode(Kind.TOKEN, parse(text)[0])}"
    )


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
async def test_the_scheme_is_read_as_http_says(
    make: Factory, authenticator: Authenticator, scheme: str
) -> None:
    text = await make.token()
    assert await authenticator.authenticate(f"{scheme} {text} ")


async def test_without_any_token_everybody_may_do_everything(authenticator: Authenticator) -> None:
    assert await authenticator.authenticate(None) is ANONYMOUS
    assert all(ANONYMOUS.may(scope) for scope in Scope)


@pytest.mark.parametrize(
    ("scopes", "may"),
    [
        ((Scope.READ,), (Scope.READ,)),
        ((Scope.WRITE,), (Scope.WRITE,)),
        ((Scope.ADMIN,), (Scope.READ, Scope.WRITE, Scope.ADMIN)),
        ((), ()),
    ],
    ids=str,
)
def test_admin_may_everything_and_the_others_what_they_say(
    scopes: tuple[Scope, ...], may: tuple[Scope, ...]
) -> None:
    principal = Principal("ann", frozenset(scopes), "token:1")
    assert tuple(scope for scope in Scope if principal.may(scope)) == may
    assert Forbidden(Scope.ADMIN).scope == Scope.ADMIN


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic eDp5", "Token fk_x", "fk_x", " ", "Bearer\tx"]
)
@pytest.mark.parametrize("tokens_there", [True, False])
async def test_a_header_that_is_not_understood_is_refused_needed_or_not(
    make: Factory, authenticator: Authenticator, header: str, tokens_there: bool
) -> None:
    if tokens_there:
        await make.token()
    assert "Bearer <token>" in await refused(authenticator, header)


@pytest.mark.parametrize("tokens_there", [True, False])
async def test_a_forged_token_is_refused_needed_or_not(
    make: Factory, authenticator: Authenticator, tokens_there: bool
) -> None:
    if tokens_there:
        await make.token()
    assert await refused(authenticator, f"Bearer {mint().text}") == INVALID


async def test_any_other_secret_for_an_id_is_refused(make: Factory, authenticator: Authenticator) -> None:
    text, other = await make.token(), await make.token()
    (key, secret), (other_key, _) = parse(text), parse(other)
    swapped = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    assert await refused(authenticator, f"Bearer fk_{key.hex}_{swapped}") == INVALID
    assert await refused(authenticator, f"Bearer fk_{other_key.hex}_{secret}") == INVALID


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text.upper(),
        lambda text: text.replace("fk_", "fk-"),
        lambda text: text + "\n",
        lambda text: text.replace("_", "_ ", 1),
        lambda text: "fk_" + "é" * 76,
        lambda text: "fk_",
        lambda text: "fk_" + "x" * 100_000,
        lambda text: "eyJhbGciOiJub25lIn0.e30.",
    ],
)
async def test_what_has_not_the_form_is_refused_unasked(
    make: Factory, authenticator: Authenticator, fetched: list[UUID], change: Any
) -> None:
    text = change(await make.token())
    assert await refused(authenticator, f"Bearer {text}.") == INVALID
    assert fetched == []


async def test_a_secret_is_compared_in_constant_time_also_for_an_unknown_id(
    make: Factory, authenticator: Authenticator, fetched: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def noting(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    class Hmac:
        compare_digest = staticmethod(noting)

    monkeypatch.setattr(tokens, "hmac", Hmac)
    wrong = parse(mint().text)[1]
    known = parse(await make.token())[0]
    for key in (known, uuid7(), known):
        assert await refused(authenticator, f"Bearer fk_{key.hex}_{wrong}") == INVALID
    assert [one for one, _ in compared] == [hash_of(wrong)] * 3
    assert {len(other) for _, other in compared} == {32}


async def test_an_unknown_id_costs_as_many_statements_as_a_known_one(
    make: Factory, authenticator: Authenticator, clock: Clock, fetched: list[UUID]
) -> None:
    text, made_up = await make.token(), mint()
    for _ in range(2):
        for _ in range(3):
            await authenticator.authenticate(f"Bearer {text}")
            await refused(authenticator, f"Bearer {made_up.text}")
        clock.now += REMEMBERED_SECONDS
    assert fetched == [parse(text)[0], made_up.id] * 2


async def test_many_requests_at_once_ask_once(
    make: Factory, authenticator: Authenticator, fetched: list[UUID]
) -> None:
    text = await make.token()
    await asyncio.gather(*(authenticator.authenticate(f"Bearer {text}") for _ in range(20)))
    assert len(fetched) == 1


async def test_a_flood_of_made_up_ids_pushes_out_no_token(
    make: Factory, authenticator: Authenticator, fetched: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED_TOKENS", 3)
    text = await make.token()
    await authenticator.authenticate(f"Bearer {text}")
    for _ in range(10):
        await refused(authenticator, f"Bearer {mint().text}")
    await authenticator.authenticate(f"Bearer {text}")
    assert fetched.count(parse(text)[0]) == 1


async def test_what_is_remembered_is_bounded(
    make: Factory, authenticator: Authenticator, fetched: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED_TOKENS", 3)
    texts = [await make.token() for _ in range(4)]
    for text in (*texts, texts[0]):
        await authenticator.authenticate(f"Bearer {text}")
    assert [fetched.count(parse(text)[0]) for text in texts] == [2, 1, 1, 1]


async def test_a_revocation_is_felt_within_five_seconds(
    make: Factory, database: Database, authenticator: Authenticator, clock: Clock
) -> None:
    header = f"Bearer {(text := await make.token())}"
    principal = await authenticator.authenticate(header)
    await revoke_token(database, WRITE, parse(text)[0])
    assert await authenticator.still_valid(principal)
    clock.now += REMEMBERED_SECONDS
    assert not await authenticator.still_valid(principal)
    assert await refused(authenticator, header) == INVALID


async def test_who_stays_is_asked_about_before_the_five_seconds_are_over(
    make: Factory, authenticator: Authenticator, database: Database, clock: Clock
) -> None:
    principal = await authenticator.authenticate(f"Bearer {(text := await make.token())}")
    await revoke_token(database, WRITE, parse(text)[0])
    clock.now += REMEMBERED_SECONDS - SWEEP_SECONDS
    assert not await authenticator.still_valid(principal)


async def test_the_end_of_a_tokens_time_is_felt_at_once(
    make: Factory, authenticator: Authenticator, day_passes: DayPasses
) -> None:
    header = f"Bearer {await make.token(expires_at=TOMORROW)}"
    principal = await authenticator.authenticate(header)
    assert (principal.expires_at, await authenticator.still_valid(principal)) == (TOMORROW, True)
    await day_passes()
    assert not await authenticator.still_valid(principal)
    assert await refused(authenticator, header) == "This token has expired."


async def test_an_expired_token_is_only_called_so_with_its_secret(
    make: Factory, authenticator: Authenticator
) -> None:
    text = await make.token(expires_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert await refused(authenticator, f"Bearer {text}") == "This token has expired."
    wrong = f"fk_{parse(text)[0].hex}_{parse(mint().text)[1]}"
    assert await refused(authenticator, f"Bearer {wrong}") == INVALID


async def test_the_first_token_ends_anonymity_for_good(
    make: Factory, database: Database, authenticator: Authenticator, clock: Clock
) -> None:
    assert not await authenticator.required()
    text = await make.token()
    clock.now += RECHECK_SECONDS
    assert await authenticator.required()
    assert "Bearer <token>" in await refused(authenticator, None)
    assert not await authenticator.still_valid(ANONYMOUS)
    await revoke_token(database, WRITE, parse(text)[0])
    assert await Authenticator(database, Settings()).required()


async def test_whether_it_is_needed_is_asked_once_a_second_until_it_is(
    make: Factory, authenticator: Authenticator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def counting(database: Database) -> bool:
        asked.append(clock.now)
        return await any_tokens(database)

    monkeypatch.setattr(authenticators, "any_tokens", counting)
    assert await asyncio.gather(*(authenticator.required() for _ in range(10))) == [False] * 10
    clock.now += RECHECK_SECONDS
    assert await authenticator.still_valid(ANONYMOUS)
    await make.token()
    for _ in range(3):
        clock.now += RECHECK_SECONDS
        assert await authenticator.required()
    assert asked == [1000, 1000 + RECHECK_SECONDS, 1000 + 2 * RECHECK_SECONDS]


async def test_it_can_be_set_to_be_needed(database: Database) -> None:
    authenticator = Authenticator(database, Settings(auth="required"))
    assert await authenticator.required()
    assert await refused(authenticator, None)


async def test_a_database_that_is_away_lets_nobody_in(make: Factory) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    authenticator = Authenticator(away, Settings())
    for header in (None, f"Bearer {mint().text}"):
        with pytest.raises(Unavailable):
            await authenticator.authenticate(header)
    await away.close()


@pytest.fixture
def provider() -> Iterator[tuple[Provider, SigningKey]]:
    """A provider, and the key that it signs with."""
    key = SigningKey("ES256")
    with Provider(key) as running:
        yield running, key


async def test_a_providers_tokens_and_our_own_are_told_apart(
    make: Factory, database: Database, provider: tuple[Provider, SigningKey]
) -> None:
    served, key = provider
    settings = Settings(oidc_issuer=served.url, oidc_audience=AUDIENCE)
    authenticator = Authenticator(database, settings)
    assert await authenticator.required()
    assert "Bearer <token>" in await refused(authenticator, None)
    theirs = await authenticator.authenticate(f"Bearer {key.sign(served.claims())}")
    ours = await authenticator.authenticate(f"Bearer {await make.token(name='engine')}")
    assert [(who.name, await authenticator.still_valid(who)) for who in (theirs, ours)] == [
        (SUBJECT, True),
        ("engine", True),
    ]
    ended = Principal(theirs.name, theirs.scopes, theirs.key, datetime(2026, 1, 1, tzinfo=UTC))
    assert not await authenticator.still_valid(ended)


async def test_without_a_provider_a_jwt_is_no_token(
    authenticator: Authenticator, provider: tuple[Provider, SigningKey]
) -> None:
    served, key = provider
    assert await refused(authenticator, f"Bearer {key.sign(served.claims())}") == INVALID
    assert served.asked == []
