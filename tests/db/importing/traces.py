"""Traces to test with: valid ones of any graph, to be changed by the test."""

from datetime import UTC, datetime
from typing import Any

STARTED = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


def trace_of(graph: dict[str, list[str]], runtime: float = 2.0) -> dict[str, Any]:
    """A valid trace of tasks with the given parents, each of which ran for `runtime` seconds."""
    specified = [
        {"id": key, "name": key, "parents": parents, "children": [], "inputFiles": ["in"], "outputFiles": []}
        for key, parents in graph.items()
    ]
    command = {"program": "sort", "arguments": ["-u"]}
    executed = [{"id": key, "runtimeInSeconds": runtime, "command": command, "coreCount": 2} for key in graph]
    return {
        "name": "nightly",
        "schemaVersion": "1.5",
        "createdAt": "2024-03-02T00:00:00Z",
        "runtimeSystem": {"name": "Pegasus", "version": "5.0"},
        "author": {"name": "ada", "email": "ada@example.org"},
        "workflow": {
            "runName": "calm_curie",
            "specification": {"tasks": specified, "files": [{"id": "in", "sizeInBytes": 7}]},
            "execution": {
                "makespanInSeconds": 60,
                "executedAt": STARTED.isoformat(),
                "tasks": executed,
                "machines": [{"nodeName": "n1"}],
            },
        },
    }


def diamond() -> dict[str, Any]:
    return trace_of(
        {"split_ID01": [], "left": ["split_ID01"], "right": ["split_ID01"], "join": ["right", "left"]}
    )


def spec_task(trace: dict[str, Any], index: int = 0) -> dict[str, Any]:
    task: dict[str, Any] = trace["workflow"]["specification"]["tasks"][index]
    return task


def run_task(trace: dict[str, Any], index: int = 0) -> dict[str, Any]:
    task: dict[str, Any] = trace["workflow"]["execution"]["tasks"][index]
    return task
