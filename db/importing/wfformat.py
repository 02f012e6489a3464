"""Execution traces in WfFormat 1.5, the JSON schema of WfCommons, read into what the importer stores.

A file holds the task graph of a workflow (`workflow.specification`) and one run of it
(`workflow.execution`), written by tools of Pegasus, Makeflow, Nextflow and others. They differ in which
optional fields they have and how they spell times and numbers. Those differences end here: a file is either
a complete `Trace` or a `TraceError`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum
from typing import Any, NamedTuple

import orjson

from db.importing.fields import (
    MAX_PATH_CHARACTERS,
    MAX_PROSE_CHARACTERS,
    Bounds,
    JsonObject,
    TraceError,
    digest_of,
    load_object,
    shown,
)
from db.importing.taskgraph import Task, graph_definition, graph_version, read_tasks, topological_order

__all__ = ["Trace", "TraceError", "TraceStep", "parse_trace"]

SCHEMA_VERSION = "1.5"
# Longer than any run: beyond it a number is a mistake, such as a time stamp where a duration belongs.
LONGEST_RUN = timedelta(days=36_525)

_SECONDS = Bounds(0, LONGEST_RUN.total_seconds(), "seconds, at most 100 years")
_BYTES = Bounds(0, 2**63 - 1, "bytes")
_TASK_NUMBERS = {
    "runtimeInSeconds": _SECONDS,
    "avgCPU": Bounds(0, 1e9, "percent of one core"),
    "coreCount": Bounds(0, 1e7, "cores"),
    "memoryInBytes": _BYTES,
    "readBytes": _BYTES,
    "writtenBytes": _BYTES,
    "avgPower": Bounds(0, 1e9, "watts"),
    "avgPowerInW": Bounds(0, 1e9, "watts"),
    "energyInKWh": Bounds(0, 1e9, "kilowatt hours"),
    "priority": Bounds(-(2**31), 2**31 - 1, "rank"),
}
_TOTALLED = ("runtimeInSeconds", "readBytes", "writtenBytes", "energyInKWh")
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One task of the run.

    `type` is the class of program (see `program_of`), `depends_on` the keys of the parents, sorted. `input`
    is JSON: {"command": {...}, "inputFiles": [...], "outputFiles": [...]}. `metrics` is a JSON object of
    the numbers that the file reports, under their names in the schema, and "machines", a list of names;
    "timesDerived": true in it says that `started_at` and `completed_at` were worked out from the graph,
    since the file has only the task's runtime.
    """

    key: str
    name: str
    type: str
    depends_on: tuple[str, ...]
    started_at: datetime
    completed_at: datetime
    input: bytes
    metrics: bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """A workflow and one execution of it. All times are in UTC.

    `name` and `version` identify the workflow: traces with equal task graphs have equal versions and, to
    the byte, equal `definition`s: {"steps": [{"key", "name", "type", "dependsOn"}]}. `input` is JSON,
    {"files": [{"id", "sizeInBytes"}]}, or None when the file lists none. `attributes` are short texts to
    search by. `metrics` are what the file reports of the run (makespanInSeconds), the number of machines
    (machineCount), and sums over the tasks that report a number: runtimeInSeconds, readBytes, writtenBytes,
    energyInKWh, coreHours. `steps` come in topological order, ties in the file's order. `digest` is SHA-256
    over the file's content, whatever its indentation.
    """

    name: str
    version: str
    description: str | None
    definition: bytes
    executed_at: datetime
    completed_at: datetime
    input: bytes | None
    attributes: dict[str, Any]
    metrics: dict[str, float]
    steps: tuple[TraceStep, ...]
    digest: bytes


class _TaskRun(NamedTuple):
    """What `workflow.execution.tasks` has about a task; `numbers` are in the units of their names."""

    path: str
    numbers: dict[str, float]
    machines: list[str]
    command: dict[str, Any]
    started_at: datetime | None


def parse_trace(content: bytes) -> Trace:
    """The trace in a file's bytes. Raises TraceError when it can't be taken in, for whatever reason."""
    root = load_object(content)
    if root.fields.get("schemaVersion") != SCHEMA_VERSION:
        raise root.wrong("schemaVersion", f'"{SCHEMA_VERSION}", the version of WfFormat that can be imported')
    digest = digest_of(root)
    workflow = root.nested("workflow")
    specification = workflow.nested("specification")
    execution = workflow.nested("execution")
    tasks = read_tasks(specification)
    runs = _read_runs(execution, tasks)
    executed_at = _executed_at(root, execution)
    steps = _schedule(tasks, runs, executed_at)
    makespan = execution.optional_number("makespanInSeconds", _SECONDS)
    return Trace(
        name=root.text("name"),
        version=graph_version(tasks),
        description=root.optional_text("description", MAX_PROSE_CHARACTERS),
        definition=graph_definition(tasks),
        executed_at=executed_at,
        completed_at=_completed_at(executed_at, makespan, steps),
        input=_input(specification),
        attributes=_attributes(root, workflow),
        metrics=_metrics(execution, makespan, runs.values()),
        steps=steps,
        digest=digest,
    )


def _read_runs(execution: JsonObject, tasks: Mapping[str, Task]) -> dict[str, _TaskRun]:
    """The runs by the key of their task. Raises TraceError unless each task has exactly one."""
    runs: dict[str, _TaskRun] = {}
    for entry in execution.nested_list("tasks"):
        key = entry.text("id")
        if key not in tasks:
            raise entry.wrong("id", "the id of a task in workflow.specification.tasks")
        if key in runs:
            raise entry.wrong("id", "an id that no other entry has")
        runs[key] = _read_run(entry)
    for key in tasks:
        if key not in runs:
            raise TraceError(
                f"{execution.path_of('tasks')} lacks {shown(key)}; it must have each task of "
                "workflow.specification.tasks"
            )
    return runs


def _read_run(entry: JsonObject) -> _TaskRun:
    numbers = {
        name: entry.number(name, _TASK_NUMBERS[name])
        for name, value in entry.fields.items()
        if value is not None and name in _TASK_NUMBERS
    }
    if "runtimeInSeconds" not in numbers:
        raise entry.wrong("runtimeInSeconds", str(_SECONDS))
    # The schema has the singular, every file seen so far the plural.
    machine = entry.optional_text("machine")
    return _TaskRun(
        path=entry.path,
        numbers=numbers,
        machines=entry.optional_texts("machines") or ([machine] if machine else []),
        command=entry.optional_nested("command").fields,
        started_at=entry.optional_timestamp("executedAt"),
    )


def _executed_at(root: JsonObject, execution: JsonObject) -> datetime:
    """When the run started. Files are made after it, so that without it `createdAt` comes closest."""
    moment = execution.optional_timestamp("executedAt") or root.optional_timestamp("createdAt")
    if moment is None:
        raise execution.wrong("executedAt", "the time the run started, or else createdAt must be a time")
    return moment


def _completed_at(executed_at: datetime, makespan: float | None, steps: Iterable[TraceStep]) -> datetime:
    """When the run ended, which is its makespan after its start, or else with the last of its steps."""
    if makespan is None:
        return max(step.completed_at for step in steps)
    return executed_at + timedelta(seconds=makespan)


def _schedule(
    tasks: Mapping[str, Task], runs: Mapping[str, _TaskRun], executed_at: datetime
) -> tuple[TraceStep, ...]:
    """The steps with their times, in topological order, ties in the file's order.

    A task that lacks its start is taken to start as early as the graph allows: when the last of its parents
    completes, or with the run when it has none. Raises TraceError for a cycle in the graph, and when the
    runtimes along a path add up to more than LONGEST_RUN.
    """
    latest = executed_at + LONGEST_RUN
    completed: dict[str, datetime] = {}
    steps = []
    for key in topological_order(tasks, tasks):
        task, run = tasks[key], runs[key]
        ready_at = max((completed[parent] for parent in task.parents), default=executed_at)
        started_at = run.started_at or ready_at
        completed_at = started_at + timedelta(seconds=run.numbers["runtimeInSeconds"])
        if completed_at > latest:
            raise TraceError(
                f"{run.path}.runtimeInSeconds has the task end over 100 years after the run's start; the "
                "runtimes of a task and those it depends on must add up to less"
            )
        completed[key] = completed_at
        steps.append(_step(task, run, started_at, completed_at))
    return tuple(steps)


def _step(task: Task, run: _TaskRun, started_at: datetime, completed_at: datetime) -> TraceStep:
    metrics: dict[str, Any] = dict(run.numbers)
    if run.machines:
        metrics["machines"] = run.machines
    if run.started_at is None:
        metrics["timesDerived"] = True
    return TraceStep(
        key=task.key,
        name=task.name,
        type=task.program,
        depends_on=task.parents,
        started_at=started_at,
        completed_at=completed_at,
        input=orjson.dumps(
            {"command": run.command, "inputFiles": task.input_files, "outputFiles": task.output_files}
        ),
        metrics=orjson.dumps(metrics),
    )


def _input(specification: JsonObject) -> bytes | None:
    """The files that the run worked on, inputs and results alike, with their sizes in bytes."""
    files = [
        {"id": entry.text("id", MAX_PATH_CHARACTERS), "sizeInBytes": entry.number("sizeInBytes", _BYTES)}
        for entry in specification.optional_nested_list("files")
    ]
    return orjson.dumps({"files": files}) if files else None


def _attributes(root: JsonObject, workflow: JsonObject) -> dict[str, Any]:
    """Where the trace comes from, as far as the file tells; not nested, so that each is found by its name."""
    system = root.optional_nested("runtimeSystem")
    author = root.optional_nested("author")
    found = {
        "runtimeSystem": system.optional_text("name"),
        "runtimeSystemVersion": system.optional_text("version"),
        "author": author.optional_text("name"),
        "authorInstitution": author.optional_text("institution"),
        "repo": workflow.optional_text("repo"),
        "runName": workflow.optional_text("runName"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _metrics(execution: JsonObject, makespan: float | None, runs: Iterable[_TaskRun]) -> dict[str, float]:
    """What the file reports of the whole run, and plain sums over its tasks; nothing that no task reports."""
    numbers = [run.numbers for run in runs]
    metrics: dict[str, float] = {}
    if makespan is not None:
        metrics["makespanInSeconds"] = makespan
    machines = {machine.text("nodeName") for machine in execution.optional_nested_list("machines")}
    if machines:
        metrics["machineCount"] = len(machines)
    for name in _TOTALLED:
        reported = [of_task[name] for of_task in numbers if name in of_task]
        if reported:
            metrics[name] = fsum(reported)
    core_seconds = [
        of_task["coreCount"] * of_task["runtimeInSeconds"] for of_task in numbers if "coreCount" in of_task
    ]
    if core_seconds:
        metrics["coreHours"] = fsum(core_seconds) / _SECONDS_PER_HOUR
    return metrics
