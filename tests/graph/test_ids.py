"""Public ids: whatever is made comes back, and nothing else is taken."""

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from db.errors import InvalidInput
from graph.ids import Kind, decode, decode_as, encode

KEY = UUID("0190a3c4-0000-7000-8000-000000000001")
SEQS = st.integers(0, 2**63 - 1)
HEX = KEY.hex


def outcome(text: str) -> Any:
    """What decoding gives, or the domain's error."""
    try:
        return decode(text)
    except InvalidInput as error:
        return error


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def whole_of(kind: Kind, key: UUID, seq: int, name: str) -> tuple[Any, ...]:
    """The key of something of this kind."""
    if kind.named:
        return key, name, seq
    return (key, seq) if kind.numbered else (key,)


@given(kind=st.sampled_from(Kind), key=st.uuids(), seq=SEQS, name=NAMES)
def test_an_id_comes_back_as_it_was_made(kind: Kind, key: UUID, seq: int, name: str) -> None:
    whole = whole_of(kind, key, seq, name)
    assert decode(encode(kind, *whole)) == (kind, whole)


@given(kind=st.sampled_from(Kind), key=st.uuids(), seq=SEQS, name=NAMES)
def test_an_id_is_taken_as_its_own_kind(kind: Kind, key: UUID, seq: int, name: str) -> None:
    whole = whole_of(kind, key, seq, name)
    assert decode_as(kind, encode(kind, *whole)) == whole


@given(text=st.text(st.characters()))
@example(text="\0")
@example(text="\ud800")
@example(text="wf_" + "0" * 5000)
def test_any_text_is_an_id_or_bad_input(text: str) -> None:
    assert isinstance(outcome(text), tuple | InvalidInput)


@given(
    text=st.from_regex(
        r"([a-z]{0,6}|var)_[0-9a-f]{30,33}(_[0-9]{0,25}(_[A-Za-z0-9_=-]{0,9})?)?", fullmatch=True
    )
)
def test_there_is_one_form_of_every_id(text: str) -> None:
    found = outcome(text)
    assert isinstance(found, InvalidInput) or encode(found[0], *found[1]) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wf",
        "wf_",
        HEX,
        f"wf_{KEY}",
        f"WF_{HEX}",
        f"wf_{HEX.replace('c', 'C')}",
        f"wf_{HEX[1:]}",
        f"wf_{HEX}0",
        f"wf_{HEX}\n",
        f" wf_{HEX}",
        f"wf_{HEX}_1",
        f"flow_{HEX}",
        f"step_{HEX}",
        f"step_{HEX}_",
        f"step_{HEX}_01",
        f"step_{HEX}_-1",
        f"step_{HEX}_1.0",
        f"step_{HEX}_١",
        f"step_{HEX}_{2**63}",
        f"step_{HEX}_{10**30}",
    ],
)
def test_what_is_not_quite_an_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not an id"):
        decode(text)


@pytest.mark.parametrize(("found", "wanted"), list(permutations(Kind, 2)))
def test_an_id_of_another_kind_names_both_kinds(found: Kind, wanted: Kind) -> None:
    text = encode(found, *whole_of(found, KEY, 7, "total"))
    with pytest.raises(InvalidInput, match=f"the id of {found.one}, .* the id of {wanted.one}"):
        decode_as(wanted, text)


@pytest.mark.parametrize("kind", Kind)
def test_a_malformed_id_is_told_how_its_kind_looks(kind: Kind) -> None:
    with pytest.raises(InvalidInput, match=f"The id of {kind.one} looks like {kind.prefix}_"):
        decode_as(kind, "nonsense")


def test_prefixes_are_unique() -> None:
    assert len({kind.prefix for kind in Kind}) == len(Kind)
