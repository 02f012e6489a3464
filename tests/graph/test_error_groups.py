"""Errors brought together: what of a message is its kind, and what are its particulars."""

import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.engine import Database
from db.enums import ExecutionStatus, StepStatus
from db.queries.fingerprints import normalised
from graph.ids import Kind, encode
from tests.client import Client
from tests.conftest import Statements
from tests.factories import Factory
from tests.graph.test_types import iso

AT = datetime.now(UTC).replace(microsecond=0)
GROUPS = """
query ($filter: ExecutionFilter, $first: Int! = 50) { errorGroups(filter: $filter, first: $first) {
  from to hasMore groups {
    fingerprint code message count executions firstSeen lastSeen workflows { version }
    sample { message execution { id } step { id } }
  }
} }
"""
CASES = {
    "took 12 of 1.5e3 rows": "took <n> of <n> rows",
    "offset -5 is before 0": "offset <n> is before <n>",
    "node17 and worker-3 at 10.0.0.1:8080": "node<n> and worker-<n> at <n>",
    "no row 2f1c8a9e-0b7d-4c3a-9f21-00aa11bb22cc": "no row <uuid>",
    "address 0xDEADbeef00": "address <hex>",
    "exec_019cac4615007b51ab3711b6870580fc is gone": "exec_<hex> is gone",
    "a defaced facade stays": "a defaced facade stays",
    "column 'user_id' of \"orders\" and `x y`": "column <text> of <text> and <text>",
    "can't open 'it'; doesn't exist": "can't open <text>; doesn't exist",
    "/var/lib/data-1/x.csv: no such file": "<path>: no such file",
    "~/a/b ./c ../d/e": "<path> <path> <path>",
    "C:\\Users\\me\\x.txt is locked": "<path> is locked",
    "read/write and 1/2": "read/write and <n>/<n>",
    "GET https://api.example.org/v1/items?id=7 failed": "GET <url> failed",
    "since 2026-03-02T02:00:42.011Z until 2026-03-02": "since <time> until <time>",
    "at 2026-03-02 02:00:42,011 +01:00": "at <time>",
    "at 02:00:42.5 sharp": "at <time> sharp",
    "  two\n\tlines  ": "two lines",
    "plain words": "plain words",
    "": "",
}
DIGITS = st.text("0123456789", min_size=1, max_size=12)
PARTICULARS: dict[str, st.SearchStrategy[str]] = {
    "<n>": st.integers(0).map(str) | st.floats(0, 1e6).map("{:.3f}".format),
    "<uuid>": st.uuids().map(str),
    "<hex>": st.integers(0, 2**64).map(hex),
    "<time>": st.datetimes(datetime(2000, 1, 1)).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"),  # noqa: DTZ001
    "<text>": st.text(string.ascii_letters + string.digits + " /.-", max_size=20).map(
        lambda text: f"'{text}'"
    ),
    "<path>": st.lists(st.text(string.ascii_lowercase + string.digits + "_-", min_size=1), min_size=1).map(
        lambda parts: f"/{'/'.join(parts)}"
    ),
    "<url>": st.text(string.ascii_lowercase + string.digits + "/", min_size=1).map("https://{}".format),
}
WORDS = st.text(string.ascii_letters, min_size=1, max_size=8)


@st.composite
def filled(draw: st.DrawFn) -> tuple[str, str]:
    """A message, and what must become of it."""
    kinds = draw(st.lists(st.sampled_from(sorted(PARTICULARS)), min_size=1, max_size=4))
    message, wanted = "", ""
    for kind in kinds:
        word = draw(WORDS)
        message += f"{word} {draw(PARTICULARS[kind])} "
        wanted += f"{word} {kind} "
    return message, wanted.strip()


async def normalise(database: Database, messages: list[str]) -> list[str]:
    """What becomes of the messages."""
    async with database.reading() as connection:
        rows = await connection.fetch(
            f"SELECT {normalised('m')} FROM unnest($1::text[]) WITH ORDINALITY AS u(m, ord) ORDER BY ord",
            messages,
        )
    return [row[0] for row in rows]


async def test_particulars_become_placeholders(database: Database) -> None:
    assert dict(zip(CASES, await normalise(database, list(CASES)), strict=True)) == CASES


async def test_what_is_normalised_stays_so(database: Database) -> None:
    wanted = list(CASES.values())
    assert await normalise(database, wanted) == wanted


def made(strategy: st.SearchStrategy[Any], number: int) -> list[Any]:
    """Examples of a strategy; the statement takes them all at once."""
    found: list[Any] = []

    @settings(max_examples=number)
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


async def test_messages_with_other_particulars_are_alike(database: Database) -> None:
    messages, wanted = zip(*made(filled(), 500), strict=True)
    assert await normalise(database, list(messages)) == list(wanted)


async def test_no_digit_stays_in_any_text(database: Database) -> None:
    texts = made(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), 500)
    assert not [text for text in await normalise(database, texts) if set(text) & set(string.digits)]


def failed(seq: int, message: str, code: str | None = None, **given: Any) -> dict[str, Any]:
    """An attempt that failed so many seconds after AT."""
    error = {"message": message, **({"code": code} if code else {})}
    return {"seq": seq, "status": StepStatus.FAILED, "error": error, "started_at": AT} | {
        "completed_at": AT + timedelta(seconds=seq),
        **given,
    }


async def groups(client: Client, **arguments: Any) -> list[dict[str, Any]]:
    """The groups, the most frequent first."""
    found: list[dict[str, Any]] = (await client.ask(GROUPS, **arguments))["errorGroups"]["groups"]
    return found


async def test_a_group_tells_of_its_failures(client: Client, make: Factory) -> None:
    old, new = [await make.workflow(name="etl", version=version) for version in ("1", "2")]
    first = await make.execution(old)
    second = await make.execution(
        new, status=ExecutionStatus.FAILED, error={"message": "no row 9", "code": "E1"}
    )
    await make.records(first, steps=[failed(1, "no row 7", "E1"), failed(2, "no row 8", "E1")])
    (group,) = await groups(client)
    last = group["sample"].pop("execution")["id"]
    assert last == encode(Kind.EXECUTION, second)
    assert group | {"fingerprint": "", "lastSeen": ""} == {
        "fingerprint": "",
        "code": "E1",
        "message": "no row <n>",
        "count": 3,
        "executions": 2,
        "firstSeen": iso(AT + timedelta(seconds=1)),
        "lastSeen": "",
        "workflows": [{"version": "1"}, {"version": "2"}],
        "sample": {"message": "no row 9", "step": None},
    }


async def test_the_sample_is_the_newest_attempt(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await make.records(
        execution, steps=[failed(1, "x 1"), failed(2, "x 2"), failed(3, "x 3", completed_at=AT)]
    )
    (group,) = await groups(client)
    assert group["sample"]["step"] == {"id": encode(Kind.STEP, execution, 2)}


async def test_another_code_is_another_kind(client: Client, make: Factory) -> None:
    await make.records(
        await make.execution(),
        steps=[failed(1, "x 1", "A"), failed(2, "x 2", "B"), failed(3, "x 3"), failed(4, "x 4")],
    )
    found = await groups(client)
    assert [(group["code"], group["count"]) for group in found] == [(None, 2), ("B", 1), ("A", 1)]
    assert len({group["fingerprint"] for group in found}) == 3


async def test_a_fingerprint_is_the_same_at_all_times(client: Client, make: Factory) -> None:
    before = []
    for number in range(2):
        await make.records(await make.execution(), steps=[failed(1, f"row {number}")])
        before.append((await groups(client))[0]["fingerprint"])
    assert len(set(before)) == 1


async def test_only_so_many_groups_come(client: Client, make: Factory) -> None:
    await make.records(await make.execution(), steps=[failed(at, "x" * at) for at in (1, 2, 3)])
    found = (await client.ask(GROUPS, first=2))["errorGroups"]
    assert (len(found["groups"]), found["hasMore"]) == (2, True)


async def test_only_the_executions_asked_for_are_looked_at(client: Client, make: Factory) -> None:
    for name in ("a", "b"):
        await make.records(await make.execution(await make.workflow(name=name)), steps=[failed(1, name)])
    found = await groups(client, filter={"workflowName": {"eq": "b"}})
    assert [group["message"] for group in found] == ["b"]


@pytest.mark.parametrize("kinds", [2, 40])
async def test_what_groups_show_takes_a_statement_each(
    client: Client, make: Factory, statements: Statements, kinds: int
) -> None:
    for at in range(kinds):
        await make.records(await make.execution(), steps=[failed(1, "x" * (at + 1))])
    await statements.clear()
    await client.ask(GROUPS)
    assert len(statements) == 4, statements.seen  # the groups, workflows, executions, steps
