"""`flowkeep token`, and what it opens."""

import getpass
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from db.engine import Database
from db.errors import NotReady
from db.queries.tokens import fetch_token, find_live
from graph.auth.tokens import hash_of, parse
from graph.commands.serve import require_authentication
from graph.ids import Kind, encode
from graph.settings import Settings
from tests.commands import FLOWKEEP, Command, flowkeep, process
from tests.factories import Factory
from tests.rows import everything, rows


@contextmanager
def serving(command: Command, **environment: str) -> Iterator[str]:
    """A service on every address of this machine; its URL."""
    with subprocess.Popen(
        [FLOWKEEP, "serve", "--host", "0.0.0.0", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FLOWKEEP_DATABASE_URL": command.url, **environment},
    ) as process:
        assert process.stdout is not None
        greeting = process.stdout.readline().split()
        try:
            assert greeting
            yield greeting[-1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)  # it may still be greeting
    assert process.returncode == 0


async def test_a_token_is_printed_once_and_alone(command: Command, database: Database) -> None:
    run = command.run("token", "create", "engine", "--scope", "READ", "--scope", "write", "--expires", "90d")
    (text,) = run.stdout.splitlines()
    key, secret = parse(text)
    found = await fetch_token(database, key)
    assert found is not None
    assert (found.name, found.scopes, found.secret_hash) == ("engine", ("READ", "WRITE"), hash_of(secret))
    assert found.expires_at is not None
    assert abs(found.expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=1)
    assert ("READ, WRITE" in run.stderr, "can't be shown again" in run.stderr) == (True, True)
    assert secret not in run.stderr


async def test_a_token_is_good_for_reading_unless_told(command: Command, database: Database) -> None:
    made = command.json("token", "create", "dashboard")
    assert (made["name"], made["scopes"], made["expiresAt"]) == ("dashboard", ["READ"], None)
    assert made["id"] == encode(Kind.TOKEN, parse(made["token"])[0])
    (entry,) = await rows(database, "audit_entries")
    assert (entry["type"], entry["actor"]) == ("TOKEN_CREATED", f"cli:{getpass.getuser()}")


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ("2100-01-01", "2100-01-01T00:00:00Z"),
        ("2100-01-01T12:30:00+02:00", "2100-01-01T10:30:00Z"),
    ],
)
def test_a_token_can_end_at_a_date(command: Command, given: str, ends: str) -> None:
    assert command.json("token", "create", "engine", "--expires", given)["expiresAt"] == ends


async def test_tokens_are_listed_without_those_revoked(command: Command, make: Factory) -> None:
    past = datetime(2026, 2, 1, tzinfo=UTC)
    texts = {
        "live": await make.token(name="live"),
        "expired": await make.token(name="expired", expires_at=past),
        "revoked": await make.token(name="revoked", revoked_at=past),
    }
    assert [(row["name"], row["state"]) for row in command.json("token", "list")] == [
        ("expired", "expired"),
        ("live", "live"),
    ]
    shown = command.json("token", "list", "--all")
    assert [row["state"] for row in shown] == ["revoked", "expired", "live"]
    assert (shown[0]["revokedAt"], shown[1]["expiresAt"]) == ("2026-02-01T00:00:00Z",) * 2
    table = command.done("token", "list", "--all")
    assert all(encode(Kind.TOKEN, parse(text)[0]) in table for text in texts.values())
    assert not any(parse(text)[1] in table for text in texts.values())


@pytest.mark.parametrize("by", ["name", "id"])
async def test_a_token_is_revoked_by_name_or_id(
    command: Command, database: Database, make: Factory, by: str
) -> None:
    id = encode(Kind.TOKEN, parse(await make.token(name="engine"))[0])
    assert command.json("token", "revoke", "engine" if by == "name" else id) == {"id": id}
    assert await find_live(database, "engine") is None
    before = await everything(database)
    assert command.done("token", "revoke", id) == f"{id} is revoked.\n"
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "taken"], "There is a token 'taken'"),
        (["create", ""], "1 to 200 characters"),
        (["create", "two\nlines"], "1 to 200 characters"),
        (["create", "new", "--expires", "soon"], "90d"),
        (["create", "new", "--expires", "90"], "90d"),
        (["create", "new", "--expires", "999999w"], "90d"),
        (["create", "new", "--expires", "2026-02-30"], "90d"),
        (["create", "new", "--expires", "2026-01-01"], "in the future"),
        (["create", "new", "--expires", "0d"], "in the future"),
        (["revoke", "unknown"], "no token 'unknown'"),
        (["revoke", encode(Kind.TOKEN, UUID(int=7))], "no token tok_"),
        (["revoke", "tok_1"], "looks like tok_"),
    ],
    ids=str,
)
async def test_what_a_user_can_mend_is_a_sentence(
    command: Command, database: Database, make: Factory, arguments: list[str], message: str
) -> None:
    await make.token(name="taken")
    before = await everything(database)
    run = command.run("token", *arguments)
    assert (run.returncode, message in run.stderr, "Traceback" in run.stderr) == (1, True, False), run.stderr
    assert await everything(database) == before


def test_an_unknown_scope_is_told_which_there_are(command: Command) -> None:
    run = command.run("token", "create", "new", "--scope", "ROOT", COLUMNS="200")
    assert (run.returncode, "'admin'" in run.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "taught"),
    [
        ([], "Authorization: Bearer"),
        (["create"], "flowkeep token create engine"),
        (["revoke"], "five seconds"),
    ],
)
def test_help_teaches(arguments: list[str], taught: str) -> None:
    shown = flowkeep("token", *arguments, "--help", COLUMNS="200", TERM="dumb").stdout
    assert taught in shown


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"FLOWKEEP_AUTH": "sometimes"}, "FLOWKEEP_AUTH"),
        ({"FLOWKEEP_OIDC_ISSUER": "https://id.example"}, "FLOWKEEP_OIDC_AUDIENCE"),
        ({"FLOWKEEP_OIDC_AUDIENCE": "flowkeep"}, "FLOWKEEP_OIDC_ISSUER"),
        ({"FLOWKEEP_OIDC_JWKS_URL": "https://id.example/keys"}, "takes a FLOWKEEP_OIDC_ISSUER"),
        ({"FLOWKEEP_OIDC_ISSUER": "http://id.example", "FLOWKEEP_OIDC_AUDIENCE": "flowkeep"}, "https://"),
        ({"FLOWKEEP_OIDC_ISSUER": "id.example", "FLOWKEEP_OIDC_AUDIENCE": "flowkeep"}, "https://"),
    ],
    ids=str,
)
def test_a_provider_set_in_part_is_a_sentence(
    command: Command, environment: dict[str, str], message: str
) -> None:
    run = command.run("serve", "--port", "0", **environment)
    assert (run.returncode, message in run.stderr, "Traceback" in run.stderr) == (1, True, False), run.stderr
    assert "FLOWKEEP_: " not in run.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3"])
async def test_without_authentication_only_this_machine_is_served(database: Database, host: str) -> None:
    with pytest.raises(NotReady, match="flowkeep token create"):
        await require_authentication(database, Settings(host=host))


@pytest.mark.slow
def test_who_would_open_it_to_all_is_told(command: Command) -> None:
    run = process("serve", "--host", "0.0.0.0", "--port", "0", FLOWKEEP_DATABASE_URL=command.url)
    assert (run.returncode, "Without authentication" in run.stderr, run.stdout) == (1, True, ""), run.stderr


@pytest.mark.parametrize(
    "given",
    [
        {"auth": "required"},
        {"oidc_issuer": "https://id.invalid", "oidc_audience": "flowkeep"},
        {"host": "127.0.0.1"},
        {"host": "::1"},
    ],
    ids=str,
)
async def test_who_is_asked_for_or_is_here_may_come(database: Database, given: dict[str, str]) -> None:
    await require_authentication(database, Settings.model_validate({"host": "0.0.0.0", **given}))


@pytest.mark.slow
def test_with_a_token_other_addresses_are_served(command: Command) -> None:
    header = {"Authorization": f"Bearer {command.done('token', 'create', 'dashboard').strip()}"}
    with serving(command) as url:
        answer = httpx.post(url, json={"query": "{ health { version } }"}, headers=header, timeout=30)
    assert "errors" not in answer.json()
