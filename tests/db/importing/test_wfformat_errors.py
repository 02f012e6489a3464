"""Traces that are refused: with the reason and its place, and never by anything but a TraceError."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.importing.wfformat import TraceError, parse_trace
from tests.db.importing.traces import diamond, trace_of

# A busy machine is no failure.
unhurried = settings(deadline=None)


def put(*path: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    """A change that sets the value at a path."""

    def change(trace: dict[str, Any]) -> None:
        holder: Any = trace
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value

    return change


SPECIFIED = ("workflow", "specification", "tasks")
EXECUTED = ("workflow", "execution", "tasks")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (put("schemaVersion", value="1.4"), "schemaVersion is '1.4'; it must be \"1.5\""),
        (put("schemaVersion", value=None), "schemaVersion is missing"),
        (put("name", value=""), "name is ''; it must be a text"),
        (put("description", value=3), "description is 3"),
        (put("runtimeSystem", value="Pegasus"), "runtimeSystem is 'Pegasus'; it must be an object"),
        (put("workflow", value=[]), "workflow is an empty list"),
        (put("workflow", "execution", value=None), "workflow.execution is missing"),
        (put(*SPECIFIED, value=[]), "workflow.specification.tasks is an empty list"),
        (put(*SPECIFIED, 1, value=7), "workflow.specification.tasks[1] is 7; it must be an object"),
        (
            put(*SPECIFIED, 1, "id", value="split_ID01"),
            "tasks[1].id is 'split_ID01'; it must be an id that no",
        ),
        (put(*SPECIFIED, 1, "id", value="x" * 513), "tasks[1].id is 'xxx"),
        (put(*SPECIFIED, 2, "parents", value=["nobody"]), "tasks[2].parents names 'nobody'"),
        (put(*SPECIFIED, 2, "parents", value=[4]), "tasks[2].parents[0] is 4"),
        (put(*SPECIFIED, 0, "parents", value=["split_ID01"]), "'split_ID01' depends on 'split_ID01'"),
        (
            put(*SPECIFIED, 0, "parents", value=["join"]),
            "'join' depends on 'left' depends on 'split_ID01' depends on 'join'",
        ),
        (put(*EXECUTED, 1, "id", value="other"), "workflow.execution.tasks[1].id is 'other'"),
        (
            put(*EXECUTED, 1, "id", value="split_ID01"),
            "tasks[1].id is 'split_ID01'; it must be an id that no",
        ),
        (put(*EXECUTED, value=[{"id": "join", "runtimeInSeconds": 1}]), "tasks lacks 'split_ID01'"),
        (put(*EXECUTED, 3, "runtimeInSeconds", value=None), "tasks[3].runtimeInSeconds is missing"),
        (put(*EXECUTED, 3, "runtimeInSeconds", value=-1), "tasks[3].runtimeInSeconds is -1"),
        (put(*EXECUTED, 3, "runtimeInSeconds", value=True), "tasks[3].runtimeInSeconds is true"),
        (put(*EXECUTED, 3, "runtimeInSeconds", value="NaN"), "tasks[3].runtimeInSeconds is 'NaN'"),
        (put(*EXECUTED, 3, "runtimeInSeconds", value="1e999"), "tasks[3].runtimeInSeconds is '1e999'"),
        (put(*EXECUTED, 3, "runtimeInSeconds", value=3.2e9), "(seconds, at most 100 years)"),
        (put(*EXECUTED, 3, "runtimeInSeconds", value=3_155_760_000), "over 100 years after the run's start"),
        (put(*EXECUTED, 0, "readBytes", value=2**63), "tasks[0].readBytes is 9223372036854775808"),
        (put(*EXECUTED, 0, "command", value="sort"), "tasks[0].command is 'sort'"),
        (put(*EXECUTED, 0, "executedAt", value="noon"), "tasks[0].executedAt is 'noon'"),
        (put("workflow", "execution", "executedAt", value="1969-12-31T00:00:00Z"), "executedAt is '1969"),
        (
            put("workflow", "execution", "executedAt", value="9999-12-31T23:59:59-10:00"),
            "executedAt is '9999",
        ),
        (put("workflow", "execution", "executedAt", value="2024-13-01T00:00:00Z"), "executedAt is '2024-13"),
        (put("workflow", "execution", "machines", value=[{}]), "machines[0].nodeName is missing"),
        (put("workflow", "specification", "files", value=[{"id": "f"}]), "files[0].sizeInBytes is missing"),
        (
            put(*EXECUTED, 0, "command", "arguments", value=["a\0"]),
            "tasks[0].command.arguments[0] contains a NUL",
        ),
        (put("workflow", "a\0b", value=1), "workflow.a\\x00b contains a NUL character"),
    ],
)
def test_a_bad_trace_is_refused_with_the_place(change: Callable[[dict[str, Any]], None], reason: str) -> None:
    trace = diamond()
    change(trace)

    with pytest.raises(TraceError) as refusal:
        parse_trace(orjson.dumps(trace))

    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"{", "the file is not JSON"),
        (b'{"a": NaN}', "the file is not JSON"),
        (b"\xff\xfe", "the file is not JSON"),
        (b"[1]", "the file is a list"),
        (b'{"name": ["\\ud800"]}', "name[0] contains half of a surrogate pair"),
        (b'{"schemaVersion": "1.5", "x": ' + b"[" * 400 + b"]" * 400 + b"}", "nested too deeply"),
        (b"[" * 5000 + b'"\\ud800"', "the file is not JSON"),
    ],
)
def test_what_is_no_json_object_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(TraceError) as refusal:
        parse_trace(content)

    assert reason in str(refusal.value)


def test_a_run_without_any_time_is_refused() -> None:
    trace = diamond()
    del trace["createdAt"], trace["workflow"]["execution"]["executedAt"]

    with pytest.raises(TraceError, match=r"workflow\.execution\.executedAt is missing"):
        parse_trace(orjson.dumps(trace))


def test_a_long_cycle_is_shortened() -> None:
    size = 5000
    trace = trace_of({f"t{node}": [f"t{(node + 1) % size}"] for node in range(size)})

    with pytest.raises(TraceError, match="4990 more") as refusal:
        parse_trace(orjson.dumps(trace))

    assert len(str(refusal.value)) < 500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def refused_or_read(content: bytes) -> None:
    with suppress(TraceError):
        parse_trace(content)


@unhurried
@given(json_values)
def test_any_json_is_read_or_refused(value: object) -> None:
    refused_or_read(orjson.dumps(value))


@unhurried
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    refused_or_read(content)


@unhurried
@given(st.data(), json_values)
def test_a_trace_with_any_value_replaced_is_read_or_refused(data: st.DataObject, value: object) -> None:
    trace = diamond()
    holder: Any = trace
    while True:
        places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        place = data.draw(st.sampled_from(places))
        if (
            not holder[place]
            or not isinstance(holder[place], dict | list)
            or data.draw(st.integers(0, 4)) == 0
        ):
            break
        holder = holder[place]
    holder[place] = value

    refused_or_read(orjson.dumps(trace))
