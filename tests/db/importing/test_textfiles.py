"""Text in any encoding and of any length of line: decoded or refused, never rubbish, in constant memory."""

import io
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import InvalidInput
from db.importing.textfiles import Lines, TextFile

TEXT = "2026-03-01 Grüße €\nzwei 😀\n"


def text_of(content: bytes, encoding: str | None = None, *, replace: bool = False) -> str:
    """What a file's text is."""
    file = TextFile(io.BytesIO(content), len(content), encoding, replace=replace)
    return b"".join(file.chunks()).decode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marked_encodings_are_decoded(encoding: str) -> None:
    assert text_of(TEXT.encode(encoding)) == TEXT


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("width", ["16", "32"])
def test_both_orders_of_bytes_are_decoded(width: str, order: str) -> None:
    assert text_of(f"\ufeff{TEXT}".encode(f"utf-{width}-{order}")) == TEXT


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ok\nGr\xfc\xdfe".encode("latin-1"), "Line 2 has the byte 0xfc, which is no text in utf-8"),
        (b"x" * 300_000 + b"\n\n\xff", "Line 3 "),
        (b"\xed\xa0\x80", "0xed"),
        (TEXT.encode("utf-16-le"), "looks like UTF-16"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "looks like UTF-16 without its mark, or is no text"),
    ],
)
def test_what_is_no_text_is_refused_with_what_would_help(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        text_of(content)
    assert "--encoding" in str(refused.value)


def test_the_encoding_can_be_named() -> None:
    assert text_of("Grüße".encode("latin-1"), "latin-1") == "Grüße"
    assert text_of(TEXT.encode("utf-16-be"), "utf-16-be") == TEXT


@pytest.mark.parametrize("encoding", ["klingon", "base64", "rot13"])
def test_what_is_no_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(InvalidInput, match=f"'{encoding}' is no encoding of text"):
        text_of(b"x", encoding)


def test_bytes_that_are_no_text_can_be_replaced() -> None:
    assert text_of(b"a\xffb", replace=True) == "a\ufffdb"


def test_nul_characters_are_replaced() -> None:
    assert text_of(b"a\0bcdef") == "a\ufffdbcdef"


def test_a_character_whose_end_is_still_to_come_is_left_for_then() -> None:
    assert text_of("caf\xe9 €".encode()[:-1]) == "café "


def test_what_is_written_meanwhile_is_left_for_the_next_time() -> None:
    assert b"".join(TextFile(io.BytesIO(b"one\ntwo\n"), 4).chunks()) == b"one\n"


def lines(*chunks: bytes, most_bytes: int = 100, offset: int = 0) -> list[str]:
    """The lines of a text."""
    return [line.text for line in Lines(chunks, most_bytes, offset)]


@given(st.text("ab\n\r€", max_size=40), st.lists(st.integers(0, 60), max_size=5))
def test_lines_are_the_same_however_the_text_comes(text: str, places: list[int]) -> None:
    whole = text.encode()
    ends = [0, *sorted(min(place, len(whole)) for place in places), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(ends)]
    *ended, rest = text.split("\n")
    assert lines(*pieces) == [*(line.removesuffix("\r") for line in ended), *filter(None, [rest])]


@given(st.binary(max_size=60).map(lambda content: content.replace(b"\r", b"")), st.integers(0, 60))
def test_after_each_line_place_and_hash_are_those_of_what_came_before(content: bytes, start: int) -> None:
    content = content.decode(errors="replace").encode()
    start = content.rfind(b"\n", 0, start) + 1
    found = Lines([content[:7], content[7:]], 1000, start)
    for _ in found:
        assert found.digest == sha256(content[: found.offset]).hexdigest()
        assert content[: found.offset].count(b"\n") in (found.number, found.number - 1)
    assert found.offset == len(content)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_at_the_limit_is_whole_and_one_byte_more_is_cut(end: bytes) -> None:
    whole, over = Lines([b"x" * 100 + end, b""], 100), Lines([b"x" * 101 + end], 100)
    assert [tuple(line) for line in whole] == [("x" * 100, None)]
    ((text, original),) = over
    assert (text.endswith("x … [cut: 101 bytes]"), len(text.encode()), original) == (True, 100, 101)


def test_a_line_without_end_is_never_held_whole() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(800):
            yield b"\xe2\x82\xac" * 80_000
        yield b"\nnext\n"

    tracemalloc.start()
    found = list(Lines(endless(), 1000))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [line.original_bytes for line in found] == [800 * 240_000, None]
    assert most < 10 * 2**20
