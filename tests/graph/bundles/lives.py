"""Executions that have been through everything, made by the API as engines do."""

from typing import Any, NamedTuple

from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import exec_id

# Numbers that jsonb and careless readers change, and texts that are hard on lines.
EXACT = {"large": 1e20, "small": 1e-7, "zero": -0.0, "whole": 1.0, "long": 9007199254740993, "none": None}
TEXTS = 'two\nlines "quoted" \\ größer \u2028 \x01 \x1b[31m'
_ERROR = {"message": TEXTS, "code": "E_DISK", "details": EXACT, "retriable": True}


class Lives(NamedTuple):
    """The public ids of three executions: one, its parent, and a fork of it."""

    parent: str
    run: str
    fork: str

    @property
    def all(self) -> list[str]:
        """Their ids, as arguments."""
        return [*self]


async def lived(client: Client, make: Factory) -> Lives:
    """A run that failed after retries, forks, appends and deletions, which is on hold; its parent runs."""
    await make.workflow(name="nightly", definition={"steps": [{"key": "load"}], "x": 1e20}, tags=["a b"])
    parent = exec_id(await make.execution())
    created = await client.done(
        "createExecution",
        workflowName="nightly",
        parentId=parent,
        input=EXACT,
        variables={"exact": EXACT, "list": [1], "gone": 1, "null": None},
        attributes=EXACT,
        tags=["one", 'two "2"'],
        correlationId="c-1",
    )
    run = created["execution"]["id"]
    await client.done("transitionExecution", executionId=run, to="RUNNING", idempotencyKey="begin")
    step: dict[str, Any] = {"key": "load", "input": EXACT, "metrics": {"seconds": 1e-7}}
    for end in ({"status": "FAILED", "error": _ERROR}, {"output": [EXACT, None]}):
        logs = [{"message": TEXTS, "stepKey": "load", "level": "WARN", "fields": EXACT}, {"message": ""}]
        state = {"variablesAppend": {"list": [2, 1e20]}, "currentStep": "load"}
        committed = await client.done(
            "commitStep",
            executionId=run,
            step={**step, **end},
            state=state,
            checkpoint={"label": TEXTS, "data": EXACT},
            logs=logs,
        )
    await client.done("saveState", executionId=run, variablesPatch={"gone": None, "list": "no list"})
    await client.done("recordMetrics", executionId=run, values={"cpu": 0.1, "most": 1e300})
    await client.done("recordMetrics", executionId=run, values={"cpu": 5}, stepKey="load")
    fork = await client.done("forkExecution", checkpointId=committed["checkpoint"]["id"])
    await client.done("transitionExecution", executionId=run, to="FAILED", error=_ERROR)
    await client.done("placeHold", subjectId=run, reason=TEXTS)
    return Lives(parent, run, fork["execution"]["id"])
