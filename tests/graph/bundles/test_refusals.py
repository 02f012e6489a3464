"""What is no bundle, or can't be taken in, is told with its line and leaves nothing half done."""

from pathlib import Path

import orjson
import pytest

from tests.client import Client
from tests.commands import Command
from tests.factories import Factory
from tests.graph.bundles.conftest import Other
from tests.graph.bundles.lives import lived
from tests.graph.reading import exec_id
from tests.rows import counts
from tests.zst import zstd

# A key that is none of the bundle's.
KEY = "019cac46-1500-7b51-ab37-11b6870580fc"
LOG = '{{"kind":"log","seq":{},"level":{},"message":"","logged_at":"{}","recorded_at":"2026-01-01Z"}}'


def cut(bundle: Path, lines: int, characters: int = 0) -> Path:
    """Its first lines, without so many characters at their end."""
    text = "".join(bundle.read_text().splitlines(keepends=True)[:lines])
    (file := bundle.with_name("cut")).write_text(text[: len(text) - characters])
    return file


def packed(bundle: Path, end: int, behind: bytes = b"") -> Path:
    """Its compressed bytes, of which the last are others."""
    text = zstd.compress(bundle.read_bytes(), options={zstd.CompressionParameter.checksum_flag: 1})
    (file := bundle.with_name("packed")).write_bytes(text[:-end] + behind)
    return file


def changed(bundle: Path, number: int, line: str) -> Path:
    """The bundle with another line in that place."""
    lines = bundle.read_text().split("\n")
    lines[number - 1] = line
    (file := bundle.with_name("changed")).write_text("\n".join(lines))
    return file


def edited(bundle: Path, number: int, before: str, after: str) -> Path:
    """The bundle with something else in a line."""
    line = bundle.read_text().split("\n")[number - 1]
    assert before in line
    return changed(bundle, number, line.replace(before, after))


@pytest.mark.parametrize(
    ("lines", "characters", "reason"),
    [
        (0, 0, "Line 1: this is no bundle"),
        (13, 0, "The bundle is cut behind line 13: it ends within execution "),
        (13, 9, "The bundle is cut in the middle of line 13: it ends within execution "),
        (8, 0, "The bundle is cut behind line 8: its last line is missing."),
    ],
)
async def test_of_a_cut_bundle_only_whole_executions_are_taken(
    small: Path, other: Other, lines: int, characters: int, reason: str
) -> None:
    assert other.refusal(cut(small, lines, characters)).startswith(reason)
    found = await counts(other.database)
    whole = lines >= 8
    assert (found["executions"], found["states"], found["log_entries"]) == (whole, whole, 3 * whole)


@pytest.mark.parametrize(("end", "behind", "said"), [(40, b"", "cut"), (4, b"0000", "damaged")])
async def test_cut_or_damaged_compression_is_told(
    small: Path, other: Other, end: int, behind: bytes, said: str
) -> None:
    assert other.refusal(packed(small, end, behind)).startswith(f"The bundle is {said} behind line 0: ")
    assert (await counts(other.database))["executions"] == 0


@pytest.mark.parametrize(
    ("number", "line", "reason"),
    [
        (1, "", "Line 1: this is no bundle, which would begin with"),
        (1, '{"kind":"bundle","flowkeep":2}', "format version 2, where this release reads version 1."),
        (2, '{"kind":"workflow","id":"x"}', "Line 2: its `id` is no key."),
        (2, f'{{"kind":"workflow","id":"{KEY}"}}', "Line 2: it has no `name`."),
        (3, '{"kind":"state"}', "Line 3: no execution comes before this `state`."),
        (4, '{"kind":"stat"}', "Line 4: a bundle has no lines of the kind 'stat'."),
        (4, '{"kind":"state","colour":1}', "Line 4: a `state` has no 'colour'."),
        (6, "garbage", "Line 6: this is no JSON object."),
        (6, "[]", "Line 6: this is no JSON object."),
        (6, '{"kind":"step"}', "Line 6: a `log` comes before this `step`."),
        (6, '{"kind":"log","seq":2,"level":20}', "Line 6: it has no `message`."),
        (6, LOG.format(2, 21, "2026-01-01Z"), "Line 6: The value breaks the rule log_entries_level_known."),
        (6, LOG.format(1, 20, "2026-01-01Z"), "Line 6: A row with the same key is there already"),
        (6, LOG.format(2, 20, "soon"), "Line 6: The value can't be stored: invalid input syntax"),
        (8, '{"kind":"executionEnd","id":"","lines":{}}', "Line 8: this does not fit what came before it"),
        (16, '{"kind":"bundleEnd","executions":3}', "Line 16: 2 executions came before it"),
        (17, '{"kind":"bundle","flowkeep":1}', "Line 17: the bundle ended before this line."),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_line_that_is_wrong_is_named(
    small: Path, other: Other, number: int, line: str, reason: str
) -> None:
    assert reason in other.refusal(changed(small, number, line))
    found = await counts(other.database)
    assert (found["executions"], found["log_entries"]) == ((2, 7) if number > 15 else (0, 0))


@pytest.mark.parametrize(
    ("counter", "refusal"),
    [
        ("2", "Line 7: its `seq` is 3, but its execution (line 3) has counted up to 2"),
        ("0", "Line 5: its `seq` is 1, but its execution (line 3) has counted up to 0"),
        ("null", "Line 3: it has no `log_seq`."),
        ('"3"', "Line 3: its `log_seq` is no number."),
    ],
)
async def test_numbers_above_their_counter_are_refused(
    small: Path, other: Other, counter: str, refusal: str
) -> None:
    assert other.refusal(edited(small, 3, '"log_seq":3', f'"log_seq":{counter}')).startswith(refusal)
    found = await counts(other.database)
    assert (found["executions"], found["log_entries"]) == (0, 0)


@pytest.mark.parametrize("name", ["parent_id", "forked_from_execution_id"])
async def test_no_execution_comes_from_itself(small: Path, other: Other, name: str) -> None:
    key = orjson.loads(small.read_bytes().split(b"\n")[2])["id"]  # noqa: ASYNC240
    file = edited(small, 3, '"status"', f'"{name}":"{key}","status"')
    assert other.refusal(file).startswith(f"Line 3: its `{name}` is its own id")


@pytest.mark.parametrize("seq", [0, 2**63, "null", '"1"'])
async def test_a_fork_names_a_checkpoint_by_its_number(small: Path, other: Other, seq: object) -> None:
    link = f'"forked_from_execution_id":"{KEY}","forked_from_seq":{seq},"status"'
    assert other.refusal(edited(small, 3, '"status"', link)) == "Line 3: its `forked_from_seq` is no number."


async def test_a_checkpoint_follows_one_of_the_same_bundle(
    make: Factory, command: Command, other: Other, tmp_path: Path
) -> None:
    execution, file = await make.execution(), tmp_path / "run"
    await make.checkpoints(execution, 0, 0)
    command.done("export", exec_id(execution), "--output", str(file))
    number = next(at for at, line in enumerate(file.read_text().split("\n"), 1) if '"parent_seq"' in line)
    refusal = other.refusal(edited(file, number, '"parent_seq":1', '"parent_seq":-1'))
    assert refusal == "Line 3: its checkpoint 2 follows checkpoint -1, which is not in the bundle."
    assert (await counts(other.database))["executions"] == 0


async def test_documents_are_strings_also_of_a_version_that_is_here(small: Path, other: Other) -> None:
    assert other.imported(small)["imported"] == 2
    file = edited(small, 2, '"definition":"{\\"steps\\":[{\\"key\\":\\"a\\"}]}"', '"definition":{"steps":[]}')
    assert other.refusal(file).startswith("Line 2: its `definition` is no string of JSON text")


async def test_links_that_are_refused_leave_the_summary(
    client: Client, make: Factory, command: Command, other: Other, tmp_path: Path
) -> None:
    lives, run, parent = await lived(client, make), tmp_path / "run", tmp_path / "parent"
    command.done("export", lives.run, "--output", str(run))
    command.done("export", lives.parent, "--output", str(parent))
    async with other.database.maintaining() as connection:
        await connection.execute("ALTER TABLE executions ADD CONSTRAINT no_parents CHECK (parent_id IS NULL)")
    try:
        summary = other.imported(run, parent)
    finally:
        async with other.database.maintaining() as connection:
            await connection.execute("ALTER TABLE executions DROP CONSTRAINT no_parents")
    ((what, reason),) = summary["failed"].items()
    assert (summary["imported"], what, "no_parents" in reason) == (2, "links between executions", True)


async def test_another_definition_of_a_version_is_a_conflict(small: Path, other: Other) -> None:
    await other.make.workflow(name="nightly", definition={"steps": []})
    assert "Line 2: version '1' of workflow 'nightly' is here with another definition" in other.refusal(small)
    assert (await counts(other.database))["executions"] == 0
