"""What every mutation promises, whatever it does: replays, fences, events. Made from the schema."""

from typing import Any

import pytest
from graphql import GraphQLInputObjectType, get_named_type, is_required_input_field
from graphql.utilities import value_from_ast_untyped

from db.engine import Database
from tests.client import Client
from tests.factories import Factory
from tests.graph.world import EPOCH, HOLDER, World, arrange, inputs, other_inputs
from tests.mutations import MUTATIONS, input_type, mutations_with
from tests.rows import everything, rows

FENCED = mutations_with("epoch")
# What an engine writes to what it runs, apart from ends: those are among the execution's moves.
HOLDERS = (*("startStep", "finishStep", "commitStep", "saveState", "createCheckpoint", "recoverExecution"),)
AUDITED = (
    *("createWorkflow", "updateWorkflow", "setWorkflowStatus", "deleteWorkflow", "deleteExecution"),
    *("createRetentionPolicy", "updateRetentionPolicy", "deleteRetentionPolicy", "applyRetention"),
    *("placeHold", "releaseHold"),
)
# The one write without an event of its own: it would drown the history.
SILENT = ("heartbeat",)
# Where null says something of its own.
NULL_CLEARS = {
    "updateWorkflow": ("description", "category", "estimatedDuration"),
    "saveState": ("currentStep", "parallelGroups"),
    "commitStep": ("currentStep", "parallelGroups"),
    "updateRetentionPolicy": (
        *("workflowName", "statuses", "keepExecutions", "keepLogs", "keepCheckpoints", "keepLast"),
    ),
}
UNSHOWN_DEFAULTS: list[tuple[str, dict[str, Any]]] = [
    *((mutation, {"ttl": "PT30S"}) for mutation in ("acquireLease", "heartbeat", "claimExecutions")),
    ("recoverExecution", {"ttl": "PT30S"}),
    ("createWorkflow", {"tags": []}),
    ("createExecution", {"tags": [], "attributes": {}}),
    ("forkExecution", {"variablesPatch": {}}),
    ("saveState", {"variablesAppend": {}}),
    ("startStep", {"dependsOn": []}),
    ("applyRetention", {"maxDuration": "PT10S"}),
]


@pytest.fixture
async def world(make: Factory) -> World:
    """Something for every mutation."""
    return await arrange(make)


def keyed(world: World, mutation: str) -> dict[str, Any]:
    """The mutation's input with an idempotency key."""
    return {**inputs(world)[mutation], "idempotencyKey": "once"}


def test_every_input_takes_an_idempotency_key() -> None:
    assert mutations_with("idempotencyKey") == MUTATIONS


def test_all_that_an_engine_does_to_an_execution_can_be_fenced() -> None:
    unfenced = {name for name in MUTATIONS if "executionId" in input_type(name).fields} - set(FENCED)
    assert unfenced == {"deleteExecution", "pruneCheckpoints"}


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_repetition_gets_the_first_answer_and_changes_nothing(
    client: Client, database: Database, world: World, mutation: str
) -> None:
    first = await client.done(mutation, **keyed(world, mutation)), await everything(database)
    again = await client.done(mutation, **keyed(world, mutation)), await everything(database)
    assert again == first


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_key_with_another_input_is_a_conflict_that_changes_nothing(
    client: Client, database: Database, world: World, mutation: str
) -> None:
    await client.done(mutation, **keyed(world, mutation))
    before = await everything(database)
    answer = await client.write(mutation, **keyed(world, mutation) | other_inputs(world)[mutation])
    assert (answer["__typename"], answer["key"]) == ("IdempotencyConflict", "once")
    assert await everything(database) == before


@pytest.mark.parametrize("mutation", FENCED)
@pytest.mark.parametrize("epoch", [EPOCH - 1, EPOCH + 1])
async def test_a_stale_epoch_changes_nothing_and_hears_who_holds_the_lease(
    client: Client, database: Database, world: World, mutation: str, epoch: int
) -> None:
    before = await everything(database)
    answer = await client.write(mutation, **inputs(world)[mutation] | {"epoch": epoch})
    assert (answer["__typename"], answer["holder"], answer["epoch"]) == ("StaleLease", HOLDER, EPOCH)
    assert (answer["expiresAt"] is not None, await everything(database) == before) == (True, True)


@pytest.mark.parametrize("mutation", HOLDERS)
async def test_what_only_a_holder_writes_needs_the_epoch_while_the_lease_is_valid(
    client: Client, database: Database, world: World, mutation: str
) -> None:
    await client.done("acquireLease", executionId=world.id("execution"), holder=HOLDER)
    before = await everything(database)
    sent = {name: value for name, value in inputs(world)[mutation].items() if name != "epoch"}
    answer = await client.write(mutation, **sent)
    assert (answer["__typename"], answer["holder"], answer["epoch"]) == ("StaleLease", HOLDER, EPOCH + 1)
    assert ("`epoch`" in answer["message"], await everything(database) == before) == (True, True)


@pytest.mark.parametrize("mutation", HOLDERS)
async def test_without_a_valid_lease_nobody_needs_an_epoch(
    client: Client, world: World, mutation: str
) -> None:
    await client.done("releaseLease", executionId=world.id("execution"), holder=HOLDER)
    sent = {name: value for name, value in inputs(world)[mutation].items() if name != "epoch"}
    assert await client.done(mutation, **sent)


@pytest.mark.parametrize("mutation", sorted(set(FENCED) - set(HOLDERS)))
async def test_all_else_stays_open_while_a_lease_is_valid(
    client: Client, world: World, mutation: str
) -> None:
    assert "epoch" not in inputs(world)[mutation]
    assert await client.done(mutation, **inputs(world)[mutation])


@pytest.mark.parametrize("mutation", FENCED)
async def test_a_worker_that_took_over_may_repeat_what_the_one_before_did(
    client: Client, database: Database, world: World, mutation: str
) -> None:
    await client.done(mutation, **keyed(world, mutation) | {"epoch": EPOCH})
    before = await everything(database)
    assert await client.done(mutation, **keyed(world, mutation) | {"epoch": EPOCH + 1})
    assert await everything(database) == before


@pytest.mark.parametrize("mutation", FENCED)
async def test_a_lease_that_was_given_up_lets_its_epoch_through_no_more(
    client: Client, database: Database, world: World, mutation: str
) -> None:
    await client.done("releaseLease", executionId=world.id("execution"), holder=HOLDER)
    before = await everything(database)
    answer = await client.write(mutation, **inputs(world)[mutation] | {"epoch": EPOCH})
    assert (answer["__typename"], answer["holder"], answer["epoch"]) == ("StaleLease", None, EPOCH)
    assert await everything(database) == before


@pytest.mark.parametrize("mutation", [name for name in MUTATIONS if name not in (*AUDITED, *SILENT)])
async def test_it_leaves_an_event_with_its_actor_and_what_changed(
    client: Client, database: Database, world: World, mutation: str
) -> None:
    await client.done(mutation, **inputs(world)[mutation])
    event = (await rows(database, "events"))[0]
    assert (event["seq"], event["actor"], bool(event["changes"])) == (1, "anonymous", True)


@pytest.mark.parametrize("mutation", AUDITED)
async def test_what_belongs_to_no_execution_is_audited(
    client: Client, database: Database, world: World, mutation: str
) -> None:
    await client.done(mutation, **inputs(world)[mutation])
    (entry,) = await rows(database, "audit_entries")
    assert (entry["actor"], bool(entry["changes"]), await rows(database, "events")) == ("anonymous", True, [])


@pytest.mark.parametrize("mutation", SILENT)
async def test_a_heartbeat_leaves_no_event(
    client: Client, database: Database, world: World, mutation: str
) -> None:
    await client.done(mutation, **inputs(world)[mutation])
    assert await rows(database, "events") == []


async def test_the_numbers_of_events_have_no_gaps(client: Client, database: Database, world: World) -> None:
    for mutation in MUTATIONS:
        for number in range(2):
            await client.write(mutation, **inputs(world)[mutation], idempotencyKey=f"{mutation} {number}")
    written = [(event["execution_id"], event["seq"]) for event in await rows(database, "events")]
    counted = [
        (row["id"], seq)
        for row in await rows(database, "executions")
        for seq in range(1, row["event_seq"] + 1)
    ]
    assert sorted(written) == sorted(counted)


async def test_a_key_belongs_to_its_execution(client: Client, world: World) -> None:
    executions = [world.id("execution"), world.id("waiting")]
    await client.done("releaseLease", executionId=executions[0], holder=HOLDER)
    saves = [
        {"executionId": name, "variables": {"of": name}, "idempotencyKey": "once"} for name in executions
    ]
    assert [
        (await client.done("saveState", **save))["state"]["variables"]["of"] for save in saves
    ] == executions


async def test_a_key_of_an_execution_is_free_outside_of_it(client: Client, world: World) -> None:
    await client.done("saveState", **keyed(world, "saveState"))
    assert await client.done("createExecution", **keyed(world, "createExecution"))


async def test_a_key_outside_of_executions_is_one_for_all_mutations(client: Client, world: World) -> None:
    await client.done("createWorkflow", **keyed(world, "createWorkflow"))
    answer = await client.write("createExecution", **keyed(world, "createExecution"))
    assert answer["__typename"] == "IdempotencyConflict"


async def test_a_refused_write_leaves_its_key_free(client: Client, world: World) -> None:
    await client.write("saveState", **keyed(world, "saveState"), expectedVersion=99)
    assert await client.done("saveState", **keyed(world, "saveState"))


@pytest.mark.parametrize("sent", [{"a": 1, "b": 2}, {"b": 2, "a": 1}], ids=str)
async def test_the_order_of_keys_makes_no_other_input(
    client: Client, world: World, sent: dict[str, int]
) -> None:
    given = {"executionId": world.id("waiting"), "idempotencyKey": "once"}
    await client.done("saveState", **given, variables={"a": 1, "b": 2})
    assert await client.done("saveState", **given, variables=sent)


def respelled(kind: GraphQLInputObjectType, given: dict[str, Any], *cleared: str) -> dict[str, Any]:
    """An input with the same meaning: with null or the schema's default for everything that it left out."""
    spelled: dict[str, Any] = {}
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if name in given and isinstance(inner, GraphQLInputObjectType) and isinstance(given[name], dict):
            spelled[name] = respelled(inner, given[name], *cleared)
        elif name in given or name in cleared:
            continue
        elif field.ast_node is not None and field.ast_node.default_value is not None:
            spelled[name] = value_from_ast_untyped(field.ast_node.default_value)
        elif not is_required_input_field(field):
            spelled[name] = None
    return given | spelled


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_what_is_left_out_may_be_spelled_out_when_it_is_repeated(
    client: Client, database: Database, world: World, mutation: str
) -> None:
    first = await client.done(mutation, **keyed(world, mutation)), await everything(database)
    spelled = respelled(input_type(mutation), keyed(world, mutation), *NULL_CLEARS.get(mutation, ()))
    assert (await client.done(mutation, **spelled), await everything(database)) == first


@pytest.mark.parametrize(("mutation", "default"), UNSHOWN_DEFAULTS, ids=str)
async def test_a_default_that_the_schema_does_not_show_may_be_spelled_out_too(
    client: Client, database: Database, world: World, mutation: str, default: dict[str, Any]
) -> None:
    first = await client.done(mutation, **keyed(world, mutation)), await everything(database)
    again = await client.done(mutation, **keyed(world, mutation), **default), await everything(database)
    assert again == first


@pytest.mark.parametrize(
    ("mutation", "field"),
    [(mutation, field) for mutation, fields in NULL_CLEARS.items() for field in fields],
)
async def test_null_is_another_input_than_nothing_where_it_clears(
    client: Client, world: World, mutation: str, field: str
) -> None:
    given = {name: value for name, value in keyed(world, mutation).items() if name != field}
    await client.done(mutation, **given)
    cleared = {"state": {**given["state"], field: None}} if mutation == "commitStep" else {field: None}
    answer = await client.write(mutation, **given | cleared)
    assert answer["__typename"] == "IdempotencyConflict"
