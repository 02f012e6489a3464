"""Tokens: what is kept of them, what their writes promise, and how they are seen through the API."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from db.engine import Database
from db.enums import Scope
from db.errors import AlreadyExists, FlowkeepError, InvalidInput, NotFound
from db.ids import uuid7
from db.queries.tokens import any_tokens, fetch_token, find_live
from db.writes.tokens import NewToken, create_token, revoke_token
from db.writes.write import Write
from graph.auth.tokens import Minted, hash_of, mint, parse
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.mutations import OF_TOKENS, input_type
from tests.rows import everything, rows
from tests.serving import serving, settings_of

WRITE = Write("somebody", b"")
ENDED = datetime(2026, 1, 16, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


async def created(database: Database, name: str = "engine", **given: Any) -> Minted:
    """A token made by the write itself."""
    minted = mint()
    given = {"scopes": (Scope.READ, Scope.WRITE), **given}
    await create_token(database, WRITE, NewToken(minted.id, name, secret_hash=minted.secret_hash, **given))
    return minted


@pytest.fixture
async def admin(database: Database, worker_url: str, make: Factory) -> AsyncIterator[Client]:
    """A client with an ADMIN token, at an application of its own: tokens turn authentication on for good."""
    token = await make.token(name="admin", scopes=[Scope.ADMIN])
    settings = settings_of(worker_url)
    async with (
        serving(settings) as url,
        httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60, verify=False) as http,
    ):
        yield Client(url, http)


def test_a_token_has_256_random_bits_and_its_id() -> None:
    one, other = mint(), mint()
    assert parse(one.text)[0] == one.id
    assert parse(one.text)[1] != parse(other.text)[1]
    assert one.secret_hash == hash_of(parse(one.text)[1])
    assert len(parse(one.text)[1]) * 6 >= 256


async def test_what_is_kept_is_the_hash_and_never_the_secret(database: Database) -> None:
    minted = await created(database, expires_at=LATER)
    found = await fetch_token(database, minted.id)
    assert found is not None
    assert (found.name, found.scopes, found.secret_hash) == ("engine", ("READ", "WRITE"), minted.secret_hash)
    assert (found.expires_at, found.revoked_at) == (LATER, None)
    assert parse(minted.text)[1] not in str(await everything(database))


async def test_creating_and_revoking_are_audited_without_the_hash(database: Database) -> None:
    minted = await created(database)
    await revoke_token(database, WRITE, minted.id)
    entries = await rows(database, "audit_entries")
    assert {(entry["type"], entry["subject_type"], entry["subject_id"]) for entry in entries} == {
        ("TOKEN_CREATED", "TOKEN", minted.id.hex),
        ("TOKEN_REVOKED", "TOKEN", minted.id.hex),
    }
    assert {entry["actor"] for entry in entries} == {"somebody"}
    assert minted.secret_hash.hex() not in str(entries)


async def test_a_name_is_taken_until_its_token_is_revoked(database: Database) -> None:
    first = await created(database)
    before = await everything(database)
    with pytest.raises(AlreadyExists, match="revoke it first"):
        await created(database)
    assert await everything(database) == before
    await revoke_token(database, WRITE, first.id)
    second = await created(database)
    assert await find_live(database, "engine") == second.id


async def test_revoking_again_changes_nothing(database: Database) -> None:
    minted = await created(database)
    await revoke_token(database, WRITE, minted.id)
    before = await everything(database)
    assert await revoke_token(database, WRITE, minted.id) == minted.id
    assert await everything(database) == before


async def test_a_token_that_never_was_can_not_be_revoked(database: Database) -> None:
    key = uuid7()
    with pytest.raises(NotFound, match=f"tok_{key.hex}"):
        await revoke_token(database, WRITE, key)


@pytest.mark.parametrize(
    "given",
    [
        {"name": ""},
        {"name": "x" * 201},
        {"name": "two\nlines"},
        {"name": "\udc80"},
        {"scopes": ()},
        {"expires_at": ENDED},
    ],
    ids=str,
)
async def test_a_token_that_could_not_be_used_is_refused(database: Database, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await created(database, **given)
    assert await everything(database) == []


@pytest.mark.parametrize(
    "columns",
    [
        {"scopes": []},
        {"scopes": ["READ", "ROOT"]},
        {"scopes": ["READ", None]},
        {"secret_hash": b"short"},
        {"name": ""},
        {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
async def test_the_table_refuses_it_too(make: Factory, columns: dict[str, Any]) -> None:
    with pytest.raises(FlowkeepError, match="tokens_"):
        await make.token(**columns)


async def test_scopes_are_kept_once(database: Database) -> None:
    minted = await created(database, scopes=(Scope.WRITE, Scope.READ, Scope.WRITE))
    found = await fetch_token(database, minted.id)
    assert found is not None
    assert found.scopes == ("WRITE", "READ")


async def test_whether_there_ever_was_a_token_outlives_it(database: Database) -> None:
    assert not await any_tokens(database)
    await revoke_token(database, WRITE, (await created(database)).id)
    assert await any_tokens(database)


def test_only_what_can_be_answered_again_takes_an_idempotency_key() -> None:
    keyed = {name for name in OF_TOKENS if "idempotencyKey" in input_type(name).fields}
    assert keyed == {"revokeToken"}
    assert "secret" in (input_type("createToken").description or "")


async def test_a_token_is_created_shown_once_and_revoked(admin: Client, database: Database) -> None:
    answer = await admin.done("createToken", name="engine", scopes=["READ", "WRITE"])
    key, secret = parse(answer["secret"])
    found = await fetch_token(database, key)
    assert found is not None
    assert (found.secret_hash, answer["token"]["id"]) == (hash_of(secret), encode(Kind.TOKEN, key))
    assert (answer["token"]["scopes"], answer["token"]["expiresAt"]) == (["READ", "WRITE"], None)
    revoked = (await admin.done("revokeToken", id=answer["token"]["id"]))["token"]
    assert revoked["revokedAt"] is not None
    assert {name: value for name, value in revoked.items() if name != "revokedAt"} == {
        name: value for name, value in answer["token"].items() if name != "revokedAt"
    }


async def test_a_token_may_last_to_the_end_of_the_calendar(admin: Client) -> None:
    last = "9999-12-31T23:59:59.999999Z"
    made = await admin.done("createToken", name="lasting", scopes=["ADMIN"], expiresAt=last)
    admin.http.headers["Authorization"] = f"Bearer {made['secret']}"
    found = (await admin.ask('{ tokens(filter: {name: {eq: "lasting"}}) { nodes { expiresAt } } }'))["tokens"]
    assert found["nodes"] == [{"expiresAt": last}]


async def test_a_revocation_can_be_repeated_by_its_key(admin: Client, database: Database) -> None:
    minted = await created(database)
    sent = {"id": encode(Kind.TOKEN, minted.id), "idempotencyKey": "once"}
    first = await admin.done("revokeToken", **sent), await everything(database)
    assert (await admin.done("revokeToken", **sent), await everything(database)) == first
    other = await admin.write("revokeToken", **sent | {"id": encode(Kind.TOKEN, uuid7())})
    assert other["__typename"] == "IdempotencyConflict"


@pytest.mark.parametrize(
    ("input", "member"),
    [
        ({"name": "admin", "scopes": ["READ"]}, "AlreadyExists"),
        ({"name": "", "scopes": ["READ"]}, "InvalidInput"),
        ({"name": "x" * 201, "scopes": ["READ"]}, "InvalidInput"),
        ({"name": "before\0after", "scopes": ["READ"]}, "InvalidInput"),
        ({"name": "new", "scopes": []}, "InvalidInput"),
        ({"name": "new", "scopes": ["READ"], "expiresAt": "2026-01-01T00:00:00Z"}, "InvalidInput"),
    ],
    ids=str,
)
async def test_a_refused_creation_changes_nothing(
    admin: Client, database: Database, input: dict[str, Any], member: str
) -> None:
    before = await everything(database)
    assert (await admin.write("createToken", **input))["__typename"] == member
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("id", "member"),
    [(encode(Kind.TOKEN, UUID(int=7)), "NotFound"), (encode(Kind.WORKFLOW, UUID(int=7)), "InvalidInput")],
)
async def test_what_is_no_token_is_not_revoked(admin: Client, id: str, member: str) -> None:
    assert (await admin.write("revokeToken", id=id))["__typename"] == member


async def test_tokens_are_listed_newest_first_and_found_by_their_id(admin: Client, make: Factory) -> None:
    old = await make.token(name="old", created_at=ENDED, revoked_at=ENDED + timedelta(days=1))
    page = "nodes { id name scopes createdBy createdAt expiresAt revokedAt } totalCount"
    found = (await admin.ask(f"{{ tokens {{ {page} }} }}"))["tokens"]
    assert ([node["name"] for node in found["nodes"]], found["totalCount"]) == (["old", "admin"], 2)
    assert found["nodes"][0] == {
        "id": encode(Kind.TOKEN, parse(old)[0]),
        "name": "old",
        "scopes": ["READ"],
        "createdBy": "test",
        "createdAt": "2026-01-16T00:00:00Z",
        "expiresAt": None,
        "revokedAt": "2026-01-17T00:00:00Z",
    }
    id = found["nodes"][0]["id"]
    document = "query ($id: ID!) { node(id: $id) { __typename id } }"
    assert (await admin.ask(document, id=id))["node"] == {"__typename": "Token", "id": id}


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("filter: {revoked: true}", ["b"]),
        ("filter: {revoked: false}, orderBy: {field: NAME}", ["a1", "a2", "admin"]),
        ('filter: {name: {eq: "b"}}', ["b"]),
        ('filter: {name: {startsWith: "a"}}, orderBy: {field: NAME, direction: DESC}', ["admin", "a2", "a1"]),
        ("orderBy: {field: CREATED_AT}, first: 2", ["admin", "a1"]),
    ],
)
async def test_tokens_are_narrowed_and_ordered(
    admin: Client, make: Factory, arguments: str, names: list[str]
) -> None:
    for name in ("a1", "b", "a2"):
        await make.token(name=name, revoked_at=ENDED if name == "b" else None)
    found = await admin.ask(f"{{ tokens({arguments}) {{ nodes {{ name }} }} }}")
    assert [node["name"] for node in found["tokens"]["nodes"]] == names


async def test_the_audit_log_names_a_token_by_its_id(admin: Client, database: Database) -> None:
    id = encode(Kind.TOKEN, (await created(database)).id)
    document = "query ($id: ID!) { auditLog(filter: {subjectId: $id}) { nodes { type subjectId changes } } }"
    (entry,) = (await admin.ask(document, id=id))["auditLog"]["nodes"]
    assert (entry["type"], entry["subjectId"]) == ("TOKEN_CREATED", id)
    assert entry["changes"]["scopes"] == {"after": ["READ", "WRITE"]}


def test_a_key_is_a_uuid_of_its_moment() -> None:
    assert isinstance(mint().id, UUID)
    assert mint().id.version == 7
