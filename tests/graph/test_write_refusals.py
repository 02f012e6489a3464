"""What mutations refuse: with a member of their union, and leaving everything as it was.

Mutations, and the fields of their inputs, are taken from the schema: a new one is tried by itself.
"""

from typing import Any

import pytest

from db.engine import Database
from db.enums import ExecutionStatus
from db.ids import uuid7
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.graph.fields import JSON, TEXT, Attempts, places
from tests.graph.world import World, arrange, inputs, other_inputs
from tests.mutations import MUTATIONS
from tests.rows import everything

NUL = "before\0after"
# Kept whatever it is: tests/graph/test_log_texts.py.
LOG_TEXTS = [
    f"{entries}.{text}"
    for entries in ("appendLogs.entries", "commitStep.logs")
    for text in ("message", "fields")
]
# What an execution that has ended lets nobody do.
LIVE = (
    *("transitionExecution", "acquireLease", "heartbeat", "startStep", "finishStep"),
    *("saveState", "createCheckpoint", "commitStep"),
)
VERSIONS = [place for place in places("Long") if ".expected" in place]
TTLS = [place for place in places("Duration") if place.endswith(".ttl")]
LONGEST = {
    200: [
        *("createWorkflow.name", "createRetentionPolicy.name"),
        *("createRetentionPolicy.workflowName", "updateRetentionPolicy.workflowName"),
        *(f"{mutation}.idempotencyKey" for mutation in MUTATIONS),
    ],
    100: ["createWorkflow.version"],
    500: [
        *("createWorkflow.tags", "createWorkflow.category", "updateWorkflow.tags", "updateWorkflow.category"),
        *("createExecution.tags", "createExecution.correlationId", "recoverExecution.holder"),
        *("acquireLease.holder", "heartbeat.holder", "releaseLease.holder"),
        *("claimExecutions.holder", "claimExecutions.workflowNames"),
        *("startStep.key", "startStep.name", "startStep.type"),
        *("commitStep.step.key", "commitStep.step.name", "commitStep.step.type"),
        *("createCheckpoint.label", "createCheckpoint.stepKey", "commitStep.checkpoint.label"),
        *("recordMetrics.stepKey", "placeHold.reason"),
    ],
}
TOO_MANY = {
    100: [
        *("createWorkflow.tags", "updateWorkflow.tags", "createExecution.tags"),
        "claimExecutions.workflowNames",
    ],
    10_000: ["startStep.dependsOn", "commitStep.step.dependsOn"],
}


@pytest.fixture
async def world(make: Factory) -> World:
    """Something for every mutation."""
    return await arrange(make)


@pytest.fixture
def attempts(client: Client, database: Database, world: World) -> Attempts:
    """Attempts at all mutations."""
    return Attempts(client, database, world)


def nested(levels: int) -> dict[str, Any]:
    """A JSON object with so many levels."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def unknown(place: str) -> str:
    """An id that looks right for its place but names nothing."""
    field = place.rsplit(".", 1)[1]
    of_executions = field in ("parentId", "subjectId")
    kind = Kind.EXECUTION if of_executions else Kind[field.removesuffix("Id").upper()]
    return encode(kind, uuid7(), *[1] * kind.numbered)


def of_ended(world: World, mutation: str) -> dict[str, Any]:
    """The mutation's input for the execution that has ended."""
    ids = {"executionId": world.id("ended"), "stepId": encode(Kind.STEP, world.ended, 1)}
    given = {name: value for name, value in inputs(world)[mutation].items() if name != "epoch"}
    return {name: ids.get(name, value) for name, value in given.items()}


def test_every_mutation_has_its_inputs(world: World) -> None:
    assert sorted(inputs(world)) == sorted(other_inputs(world)) == MUTATIONS


@pytest.mark.parametrize("place", places("ID"))
async def test_an_id_of_nothing_is_not_found(attempts: Attempts, place: str) -> None:
    assert await attempts.answers([place], unknown(place)) == {place: "NotFound"}


@pytest.mark.parametrize("value", [f"evt_{'0' * 32}_1", "nonsense", "", "wf_1", f"exec_{'g' * 32}"])
async def test_what_is_no_id_of_that_kind_is_invalid(attempts: Attempts, value: str) -> None:
    assert await attempts.answers(places("ID"), value) == dict.fromkeys(places("ID"), "InvalidInput")


async def test_text_with_a_nul_character_is_invalid(attempts: Attempts) -> None:
    tried = [place for place in places(*TEXT) if place not in LOG_TEXTS]
    assert await attempts.answers(tried, NUL) == dict.fromkeys(tried, "InvalidInput")


@pytest.mark.parametrize(
    "value",
    [{"key": NUL}, {NUL: 1}, {"key": [{"deep": [NUL]}]}],
    ids=["text", "key", "deep"],
)
async def test_json_with_a_nul_character_is_invalid(attempts: Attempts, value: dict[str, Any]) -> None:
    tried = [place for place in places(*JSON) if place not in LOG_TEXTS]
    assert await attempts.answers(tried, value) == dict.fromkeys(tried, "InvalidInput")


async def test_json_that_is_nested_too_deeply_is_invalid(attempts: Attempts) -> None:
    assert await attempts.answers(places(*JSON), nested(300)) == dict.fromkeys(places(*JSON), "InvalidInput")


@pytest.mark.parametrize("longest", LONGEST)
async def test_a_name_is_neither_empty_nor_long(attempts: Attempts, longest: int) -> None:
    tried = LONGEST[longest]
    assert await attempts.answers(tried, "") == dict.fromkeys(tried, "InvalidInput")
    assert await attempts.answers(tried, "x" * (longest + 1)) == dict.fromkeys(tried, "InvalidInput")


@pytest.mark.parametrize("most", TOO_MANY)
async def test_a_list_with_too_many_entries_is_invalid(attempts: Attempts, most: int) -> None:
    tried = TOO_MANY[most]
    assert await attempts.answers(tried, ["x"] * (most + 1)) == dict.fromkeys(tried, "InvalidInput")


@pytest.mark.parametrize("version", [-1, 0, 99, 2**63 - 1])
async def test_another_version_than_the_present_is_a_conflict(attempts: Attempts, version: int) -> None:
    assert await attempts.answers(VERSIONS, version) == dict.fromkeys(VERSIONS, "VersionConflict")


@pytest.mark.parametrize("ttl", ["PT0S", "-PT1S", "P1DT0.000001S", "P99999D"])
async def test_a_lease_lasts_more_than_nothing_and_at_most_a_day(attempts: Attempts, ttl: str) -> None:
    assert await attempts.answers(TTLS, ttl) == dict.fromkeys(TTLS, "InvalidInput")


@pytest.mark.parametrize("limit", [0, -1, 101, 2**31 - 1])
async def test_a_claim_is_for_1_to_100(attempts: Attempts, limit: int) -> None:
    tried = ["claimExecutions.limit"]
    assert await attempts.answers(tried, limit) == dict.fromkeys(tried, "InvalidInput")


@pytest.mark.parametrize("mutation", LIVE)
@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"])
async def test_an_execution_that_has_ended_lets_nobody_go_on(
    client: Client, database: Database, make: Factory, mutation: str, status: str
) -> None:
    world = await arrange(make, ended=ExecutionStatus(status))
    before = await everything(database)
    answer = await client.write(mutation, **of_ended(world, mutation))
    assert (answer["__typename"], answer["current"]) == ("InvalidTransition", status)
    assert await everything(database) == before


@pytest.mark.parametrize(
    "mutation", ["appendLogs", "recordMetrics", "releaseLease", "recoverExecution", "pruneCheckpoints"]
)
async def test_what_does_not_go_on_with_an_execution_may_come_after_its_end(
    client: Client, world: World, mutation: str
) -> None:
    assert await client.done(mutation, **of_ended(world, mutation))


async def test_an_execution_that_goes_on_is_not_deleted(attempts: Attempts, world: World) -> None:
    place = "deleteExecution.executionId"
    assert await attempts.answers([place], world.id("execution")) == {place: "InvalidInput"}
