"""The task graph of a trace: its order, its version and the workflow definition it amounts to."""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import orjson

from db.importing.fields import JsonObject, TraceError, shown

_VERSION_DIGITS = 12
_CYCLE_TASKS_SHOWN = 10

# The counter that engines append to a program's name: _ID000002, _00000009. A short number without padding
# may be part of the name (hg_38), and stays.
_COUNTER = re.compile(r"_(?:ID\d+|0\d+|\d{5,})$", re.ASCII)

# Endings that make a dot part of a program's name; other dots are Nextflow's path of sub-workflows.
_SCRIPT_ENDINGS = frozenset({"bash", "exe", "jar", "js", "pl", "py", "r", "rb", "sh"})


class Task(NamedTuple):
    """A node of the graph. `program` is `program_of` the name; `parents` are sorted, each once."""

    key: str
    name: str
    program: str
    parents: tuple[str, ...]
    input_files: list[str]
    output_files: list[str]


def read_tasks(specification: JsonObject) -> dict[str, Task]:
    """The tasks of `workflow.specification` by key, in the file's order.

    The graph is taken from `parents`; `children` says the same the other way round and is not read. Raises
    TraceError when there is no task, an id occurs twice or a parent is unknown.
    """
    tasks: dict[str, Task] = {}
    for entry in specification.nested_list("tasks"):
        task = _read_task(entry)
        if task.key in tasks:
            raise entry.wrong("id", "an id that no other task has")
        tasks[task.key] = task
    for index, task in enumerate(tasks.values()):
        for parent in task.parents:
            if parent not in tasks:
                path = f"{specification.path_of('tasks')}[{index}].parents"
                raise TraceError(f"{path} names {shown(parent)}; it must name tasks by their ids")
    return tasks


def _read_task(entry: JsonObject) -> Task:
    name = entry.text("name")
    return Task(
        key=entry.text("id"),
        name=name,
        program=program_of(name),
        parents=tuple(sorted(set(entry.optional_texts("parents")))),
        input_files=entry.optional_texts("inputFiles"),
        output_files=entry.optional_texts("outputFiles"),
    )


def topological_order(tasks: Mapping[str, Task], preference: Iterable[str]) -> list[str]:
    """All keys, parents before their children; of tasks that could come next, the first in `preference`.

    Raises TraceError, naming the cycle, when there is no such order.
    """
    keys = list(preference)
    rank = {key: position for position, key in enumerate(keys)}
    children: dict[str, list[str]] = {key: [] for key in keys}
    unmet = {key: len(tasks[key].parents) for key in keys}
    for key in keys:
        for parent in tasks[key].parents:
            children[parent].append(key)
    ready = [rank[key] for key in keys if not unmet[key]]
    heapify(ready)
    order = []
    while ready:
        key = keys[heappop(ready)]
        order.append(key)
        for child in children[key]:
            unmet[child] -= 1
            if not unmet[child]:
                heappush(ready, rank[child])
    if len(order) < len(keys):
        raise _cycle_error(tasks, {key for key, count in unmet.items() if count})
    return order


def _cycle_error(tasks: Mapping[str, Task], blocked: set[str]) -> TraceError:
    """The error that names a cycle: as each blocked task has a blocked parent, going up leads in a circle."""
    position: dict[str, int] = {}
    walk: list[str] = []
    key = min(blocked)
    while key not in position:
        position[key] = len(walk)
        walk.append(key)
        key = next(parent for parent in tasks[key].parents if parent in blocked)
    cycle = walk[position[key] :]
    first = cycle[:_CYCLE_TASKS_SHOWN]
    left_out = len(cycle) - len(first)
    names = [shown(name) for name in first] + ([f"{left_out} more"] if left_out else []) + [shown(key)]
    return TraceError(
        f"workflow.specification.tasks has a cycle: {' depends on '.join(names)}; parents must form no cycle"
    )


def graph_version(tasks: Mapping[str, Task]) -> str:
    """The version of the workflow that has this graph: equal graphs, equal versions, in any order of tasks.

    It covers ids, names and parents, which determine everything in `graph_definition`; hence one version
    never stands for two definitions.
    """
    canonical = sorted((task.key, task.name, task.parents) for task in tasks.values())
    return f"graph-{sha256(orjson.dumps(canonical)).hexdigest()[:_VERSION_DIGITS]}"


def graph_definition(tasks: Mapping[str, Task]) -> bytes:
    """The workflow definition as JSON: the steps in topological order, ties by key.

    Equal graphs give equal bytes, whatever the order of tasks in their files. Raises TraceError when the
    graph has a cycle.
    """
    ordered = [tasks[key] for key in topological_order(tasks, sorted(tasks))]
    steps = [
        {"key": task.key, "name": task.name, "type": task.program, "dependsOn": task.parents}
        for task in ordered
    ]
    return orjson.dumps({"steps": steps})


def program_of(name: str) -> str:
    """The class of program that a task's name tells, which is what tasks of one kind have in common.

    A counter at the end is left out: blastall_ID000002 is blastall, cpuhog_forkjoin_00000009 is
    cpuhog_forkjoin. Of Nextflow's dotted names the last part counts: NFCORE_RNASEQ.RNASEQ.MULTIQC is
    MULTIQC; but sift.py stays whole. A name of which nothing would remain is its own class.
    """
    program = _COUNTER.sub("", name)
    last = program.rpartition(".")[2]
    if last.lower() in _SCRIPT_ENDINGS:
        return program
    return last or program or name
