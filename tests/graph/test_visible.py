"""Stored text on a terminal: shown as what it is, by every command."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.engine import Database
from graph.visible import json_text, visible, visible_lines
from tests.commands import flowkeep
from tests.db.test_texts import any_json
from tests.factories import Factory

CONTROLS = {chr(number) for number in (*range(0x20), *range(0x7F, 0xA0))} - {"\t"}
DIRECTIONS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
EVIL = "".join(sorted(CONTROLS | DIRECTIONS))
UNSAFE = CONTROLS | DIRECTIONS


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(EVIL + "\\é😀\t ")))
def test_only_what_is_unsafe_is_shown_as_its_escape(text: str) -> None:
    shown = visible(text)
    assert set(shown) & UNSAFE == set()
    assert shown == "".join(visible(character) for character in text)
    assert all(visible(character) == character for character in text if character.isprintable())


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[31m", "\\x1b[31m"), ("\x9b2J", "\\x9b2J"), ("\u202eabc", "\\u202eabc"), ("a\tb", "a\tb")],
)
def test_the_escape_is_the_one_that_people_know(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_no_line_of_a_text_poses_as_another_entry() -> None:
    assert visible_lines("a\r\nb\n\rc") == "a\n    b\n    \\x0dc"


@given(any_json)
def test_json_stays_the_same_value_without_anything_unsafe(value: Any) -> None:
    try:
        expected = orjson.loads(orjson.dumps(value))
    except TypeError:  # halves of surrogate pairs, numbers past 64 bits
        return
    written = json_text([value, EVIL]).decode()
    assert (orjson.loads(written), set(written) & UNSAFE) == ([expected, EVIL], set())


def printed(url: str, *arguments: str) -> str:
    """All that a command prints."""
    done = flowkeep(*arguments, FLOWKEEP_DATABASE_URL=url)
    return done.stdout + done.stderr


NAME = "n\x1b]0;title\x07\x9b2J\u202e"


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
async def test_lists_show_names_as_they_are(
    make: Factory, database: Database, worker_url: str, options: list[str]
) -> None:
    await make.token(name=NAME, created_by=NAME)
    await make.policy(name=NAME, workflow_name=NAME)
    for command in ("token", "retention"):
        shown = printed(worker_url, command, "list", *options)
        assert set(shown) & UNSAFE == {"\n"}
        assert shown.count("]0;title") == 2


def test_errors_show_names_as_they_are(worker_url: str) -> None:
    shown = printed(worker_url, "import", "wfformat", str(Path("/no\x1b[2J\u202e.json")))
    assert (set(shown) & UNSAFE, "no\\x1b[2J\\u202e.json: " in shown) == ({"\n"}, True)
