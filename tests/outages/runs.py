"""Workflows for executors to run, and what has become of their executions."""

import asyncio
from pathlib import Path
from typing import Any

from tests.client import Client
from tests.patience import PATIENCE

PARALLEL = ("a", "b", "c", "d")

CREATE_WORKFLOW = """mutation ($input: CreateWorkflowInput!) {
  createWorkflow(input: $input) { ... on WorkflowPayload { workflow { id } } }
}"""
CREATE_EXECUTION = """mutation ($input: CreateExecutionInput!) {
  createExecution(input: $input) { ... on ExecutionPayload { execution { id } } }
}"""
EXECUTIONS = """{ executions(first: 500) { nodes {
  id status result lease { holder } state { version completedSteps variables }
  steps(first: 500) { nodes { key seq attempt status output } }
  checkpoints(first: 500) { nodes { seq stepKey stateVersion } }
} } }"""
EVERYTHING = """query ($id: ID!) { execution(id: $id) {
  status result error { message } completedAt lease { holder epoch expiresAt }
  state { version completedSteps variables }
  steps(first: 500) { nodes { key seq attempt status output error { message } } }
  checkpoints(first: 500) { nodes { seq stepKey stateVersion } }
  logs(first: 500) { nodes { seq message } }
  events(first: 500) { nodes { seq type actor changes } }
} }"""


def fan(file: Path, seconds: float) -> dict[str, Any]:
    """Eight steps: one, four beside each other, two that join them in pairs, one; the joins by the shell."""
    line = "$FLOWKEEP_EXECUTION $FLOWKEEP_STEP $FLOWKEEP_ATTEMPT"
    shell = {"shell": f"sleep {seconds}; echo {line} >> {file}; echo $FLOWKEEP_ATTEMPT"}
    python = {"run": {"python": "effect"}, "with": {"file": str(file), "seconds": seconds}}
    return {
        "steps": [
            {"key": "start", **python},
            *({"key": key, "dependsOn": ["start"], **python} for key in PARALLEL),
            {"key": "left", "dependsOn": ["a", "b"], "run": shell},
            {"key": "right", "dependsOn": ["c", "d"], "run": shell},
            {"key": "end", "dependsOn": ["left", "right"], **python},
        ]
    }


async def create(client: Client, definition: dict[str, Any], number: int = 1) -> list[str]:
    """Executions of a workflow with this definition; their ids."""
    given: dict[str, Any] = {"name": "fan", "version": "1", "definition": definition, "idempotencyKey": "fan"}
    workflow = (await client.ask(CREATE_WORKFLOW, input=given))["createWorkflow"]["workflow"]["id"]
    made = [await client.ask(CREATE_EXECUTION, input={"workflowId": workflow}) for _ in range(number)]
    return [one["createExecution"]["execution"]["id"] for one in made]


async def executions(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.ask(EXECUTIONS))["executions"]["nodes"]
    return found


async def until_completed(client: Client, within: float = PATIENCE) -> list[dict[str, Any]]:
    """Wait until every execution is COMPLETED."""
    async with asyncio.timeout(within):
        while True:
            found = await executions(client)
            if all(one["status"] == "COMPLETED" for one in found):
                return found
            await asyncio.sleep(0.2)


async def until_step(client: Client, execution: str, key: str, status: str) -> None:
    """Wait until the last attempt at a step has a status."""
    async with asyncio.timeout(PATIENCE):
        while True:
            steps = (await client.ask(EVERYTHING, id=execution))["execution"]["steps"]["nodes"]
            if {step["key"]: step["status"] for step in steps}.get(key) == status:
                return
            await asyncio.sleep(0.02)
