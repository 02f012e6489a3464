"""Traces: what is read out of them."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.importing.taskgraph import program_of
from db.importing.wfformat import TraceStep, parse_trace
from tests.db.importing.traces import STARTED, diamond, run_task, spec_task, trace_of

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "wfinstances"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real traces are not at {DATA}")

# A busy machine is no failure.
unhurried = settings(deadline=None)


def step_of(trace: dict[str, Any], key: str) -> TraceStep:
    return next(step for step in parse_trace(orjson.dumps(trace)).steps if step.key == key)


def test_a_trace_has_the_workflow_and_its_run() -> None:
    trace = parse_trace(orjson.dumps(diamond()))

    assert (trace.name, trace.executed_at, trace.completed_at) == (
        "nightly",
        STARTED,
        STARTED + timedelta(minutes=1),
    )
    assert trace.input == b'{"files":[{"id":"in","sizeInBytes":7}]}'
    assert trace.attributes == {
        "runtimeSystem": "Pegasus",
        "runtimeSystemVersion": "5.0",
        "author": "ada",
        "runName": "calm_curie",
    }
    assert trace.metrics == {
        "makespanInSeconds": 60,
        "machineCount": 1,
        "runtimeInSeconds": 8.0,
        "coreHours": 16 / 3600,
    }


def test_a_step_has_its_task_and_run() -> None:
    step = step_of(diamond(), "split_ID01")

    assert (step.name, step.type, step.depends_on) == ("split_ID01", "split", ())
    assert orjson.loads(step.input) == {
        "command": {"program": "sort", "arguments": ["-u"]},
        "inputFiles": ["in"],
        "outputFiles": [],
    }
    assert orjson.loads(step.metrics) == {"runtimeInSeconds": 2.0, "coreCount": 2, "timesDerived": True}


def test_steps_follow_their_parents_and_otherwise_the_files_order() -> None:
    trace = trace_of({"z": ["m"], "m": [], "b": [], "a": ["b"]})

    keys = [step.key for step in parse_trace(orjson.dumps(trace)).steps]

    assert keys == ["m", "z", "b", "a"]


def test_derived_times_are_as_early_as_the_graph_allows() -> None:
    step = step_of(diamond(), "join")

    assert (step.started_at, step.completed_at) == (
        STARTED + timedelta(seconds=4),
        STARTED + timedelta(seconds=6),
    )


def test_a_tasks_own_start_is_kept() -> None:
    trace = diamond()
    run_task(trace, 3)["executedAt"] = "2024-03-01T12:00:30.250Z"

    step = step_of(trace, "join")

    assert step.started_at == STARTED + timedelta(seconds=30, milliseconds=250)
    assert "timesDerived" not in orjson.loads(step.metrics)


def test_without_makespan_the_last_step_ends_the_run() -> None:
    trace = diamond()
    del trace["workflow"]["execution"]["makespanInSeconds"]

    assert parse_trace(orjson.dumps(trace)).completed_at == STARTED + timedelta(seconds=6)


def test_without_its_start_the_run_starts_when_the_file_was_created() -> None:
    trace = diamond()
    del trace["workflow"]["execution"]["executedAt"]

    assert parse_trace(orjson.dumps(trace)).executed_at == datetime(2024, 3, 2, tzinfo=UTC)


def test_numbers_may_be_texts() -> None:
    trace = diamond()
    trace["workflow"]["execution"]["makespanInSeconds"] = "776.0"
    run_task(trace)["memoryInBytes"] = "1024"

    assert parse_trace(orjson.dumps(trace)).metrics["makespanInSeconds"] == 776.0
    assert orjson.loads(step_of(trace, "split_ID01").metrics)["memoryInBytes"] == 1024


def test_the_machine_of_a_task_may_be_one_or_a_list() -> None:
    trace = diamond()
    run_task(trace, 0)["machine"] = "n1"
    run_task(trace, 1)["machines"] = ["n2", "n3"]

    machines = [orjson.loads(step.metrics).get("machines") for step in parse_trace(orjson.dumps(trace)).steps]

    assert machines == [["n1"], ["n2", "n3"], None, None]


def test_indentation_and_key_order_leave_the_digest_alone() -> None:
    trace = diamond()
    other = orjson.dumps(dict(reversed(trace.items())), option=orjson.OPT_INDENT_2)

    assert parse_trace(other).digest == parse_trace(orjson.dumps(trace)).digest


def test_another_run_of_the_graph_has_the_same_version_and_another_digest() -> None:
    first, second = (
        parse_trace(orjson.dumps(trace_of({"a": [], "b": ["a"]}, runtime))) for runtime in (1, 9)
    )

    assert (first.version, first.definition) == (second.version, second.definition)
    assert first.digest != second.digest


@pytest.mark.parametrize(
    "graph",
    [{"a": [], "b": []}, {"a": ["b"], "b": []}, {"a": [], "c": ["a"]}, {"a": [], "b": ["a"], "c": []}],
)
def test_another_graph_has_another_version(graph: dict[str, list[str]]) -> None:
    reference = parse_trace(orjson.dumps(trace_of({"a": [], "b": ["a"]})))

    assert parse_trace(orjson.dumps(trace_of(graph))).version != reference.version


def test_another_task_name_has_another_version() -> None:
    renamed = diamond()
    spec_task(renamed)["name"] = "cut"

    assert parse_trace(orjson.dumps(renamed)).version != parse_trace(orjson.dumps(diamond())).version


graphs = st.integers(1, 12).flatmap(
    lambda size: st.tuples(*(st.lists(st.integers(0, max(node - 1, 0)), max_size=3) for node in range(size)))
)


@unhurried
@given(graphs, st.randoms(use_true_random=False))
def test_the_order_of_tasks_leaves_version_and_definition_alone(
    parents: tuple[list[int], ...], chance: random.Random
) -> None:
    graph = {f"t{node}": [f"t{p}" for p in of_node if p < node] for node, of_node in enumerate(parents)}
    shuffled = list(graph.items())
    chance.shuffle(shuffled)

    first, second = (parse_trace(orjson.dumps(trace_of(each))) for each in (graph, dict(shuffled)))

    assert (first.version, first.definition) == (second.version, second.definition)


@unhurried
@given(graphs)
def test_every_step_comes_and_starts_after_its_parents(parents: tuple[list[int], ...]) -> None:
    graph = {f"t{node}": [f"t{p}" for p in of_node if p < node] for node, of_node in enumerate(parents)}

    completed: dict[str, datetime] = {}
    for step in parse_trace(orjson.dumps(trace_of(graph))).steps:
        assert all(completed[parent] <= step.started_at for parent in step.depends_on)
        completed[step.key] = step.completed_at


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("blastall_ID000002", "blastall"),
        ("cpuhog_forkjoin_00000009", "cpuhog_forkjoin"),
        ("A.B.MULTIQC", "MULTIQC"),
        ("sift.py_ID0003", "sift.py"),
        ("hg_38", "hg_38"),
        ("_ID01", "_ID01"),
        ("dot.", "dot."),
    ],
)
def test_the_program_is_the_name_without_counter_and_path(name: str, program: str) -> None:
    assert program_of(name) == program


@real_data
@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_real_traces_are_read_whole(path: Path) -> None:
    content = path.read_bytes()

    trace = parse_trace(content)

    assert len(trace.steps) == len(orjson.loads(content)["workflow"]["specification"]["tasks"])
    assert max(step.completed_at for step in trace.steps) <= trace.completed_at


@real_data
def test_real_runs_of_one_workflow_have_one_version() -> None:
    first, second = (
        parse_trace((DATA / f"blast-chameleon-small-00{run}.json").read_bytes()) for run in (1, 2)
    )

    assert (first.version, first.definition) == (second.version, second.definition)
    assert first.digest != second.digest
