"""Reading an execution back in tests, through the API."""

from typing import Any
from uuid import UUID

from graph.ids import Kind, encode
from tests.client import Client

_STATE = "version variables currentStep completedSteps failedSteps skippedSteps parallelGroups"
_STEP = """id seq key attempt name type status input output dependsOn metrics startedAt completedAt
    error { message code details retriable }"""
_CHECKPOINT = f"id seq stepKey label data stateVersion parent {{ seq }} state {{ {_STATE} }}"


def exec_id(key: UUID) -> str:
    """The public id of an execution."""
    return encode(Kind.EXECUTION, key)


def step_id(key: UUID, seq: int) -> str:
    """The public id of an attempt."""
    return encode(Kind.STEP, key, seq)


def checkpoint_id(key: UUID, seq: int) -> str:
    """The public id of a checkpoint."""
    return encode(Kind.CHECKPOINT, key, seq)


async def _read(client: Client, key: UUID | str, selection: str) -> Any:
    name = exec_id(key) if isinstance(key, UUID) else key
    document = f"query ($id: ID!) {{ execution(id: $id) {{ {selection} }} }}"
    return (await client.ask(document, id=name))["execution"]


async def read_execution(client: Client, key: UUID | str) -> dict[str, Any]:
    """The execution's own fields, and its lease."""
    selection = """status input result attributes tags correlationId triggerType createdAt startedAt
        completedAt error { message code details retriable } lease { holder epoch expiresAt }
        parent { id } forkedFrom { id } workflow { id }"""
    found: dict[str, Any] = await _read(client, key, selection)
    return found


async def read_state(client: Client, key: UUID | str, version: int | None = None) -> dict[str, Any]:
    """The state as it is, or as it was at a version."""
    field = "state" if version is None else f"state: stateAt(version: {version})"
    found: dict[str, Any] = (await _read(client, key, f"{field} {{ {_STATE} }}"))["state"]
    return found


async def read_variables(client: Client, key: UUID | str, version: int | None = None) -> Any:
    """The variables as they are, or as they were at a version."""
    return (await read_state(client, key, version))["variables"]


async def read_steps(client: Client, key: UUID | str) -> list[dict[str, Any]]:
    """All attempts, in their order."""
    page: dict[str, Any] = (await _read(client, key, f"steps {{ nodes {{ {_STEP} }} }}"))["steps"]
    return list(page["nodes"])


async def read_attempts(client: Client, key: UUID | str) -> list[tuple[str, int, str]]:
    """(key, attempt, status) of all attempts, in their order."""
    return [(step["key"], step["attempt"], step["status"]) for step in await read_steps(client, key)]


async def read_checkpoints(client: Client, key: UUID | str) -> list[dict[str, Any]]:
    """All checkpoints, each with its state, in the order of their numbers."""
    page = (await _read(client, key, f"checkpoints {{ nodes {{ {_CHECKPOINT} }} }}"))["checkpoints"]
    return sorted(page["nodes"], key=lambda checkpoint: checkpoint["seq"])


async def read_events(client: Client, key: UUID | str) -> list[dict[str, Any]]:
    """The whole history, oldest first."""
    page = (await _read(client, key, "events(first: 500) { nodes { seq type actor changes } }"))["events"]
    return sorted(page["nodes"], key=lambda event: event["seq"])


async def read_logs(client: Client, key: UUID | str) -> list[dict[str, Any]]:
    """The log, in its order."""
    selection = "logs(first: 1000) { nodes { seq level message fields loggedAt step { key attempt } } }"
    page: dict[str, Any] = (await _read(client, key, selection))["logs"]
    return list(page["nodes"])
