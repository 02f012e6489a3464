"""Checkpoints: a chain of named versions, deleted and pruned without harm to what stays."""

from typing import Any
from uuid import UUID

import pytest

from db.engine import Database
from db.enums import Subject
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import checkpoint_id, exec_id, read_checkpoints, read_events, read_variables
from tests.rows import everything, rows


async def chain(client: Client, make: Factory, number: int) -> UUID:
    """An execution whose checkpoint n names version n, at which a list has n items and a counter is n."""
    execution = await make.execution()
    name = exec_id(execution)
    for seq in range(1, number + 1):
        given = {"variablesAppend": {"list": [seq]}, "variablesPatch": {"n": seq, f"v{seq % 3}": seq}}
        await client.done("saveState", executionId=name, **given)
        await client.done("createCheckpoint", executionId=name, label=f"at {seq}")
    return execution


def variables_at(seq: int) -> dict[str, Any]:
    """The variables of such an execution at a checkpoint."""
    rest = {f"v{at % 3}": at for at in range(1, seq + 1)}
    return {"list": list(range(1, seq + 1)), "n": seq, **rest}


async def kept(client: Client, execution: UUID) -> list[tuple[int, int | None]]:
    """(number, parent's number) of the checkpoints that are there, whose states must be exact."""
    found = await read_checkpoints(client, execution)
    assert [one["state"]["variables"] for one in found] == [variables_at(one["seq"]) for one in found]
    return [(one["seq"], one["parent"] and one["parent"]["seq"]) for one in found]


async def prune(client: Client, execution: UUID, keep: int, **given: Any) -> list[int]:
    """The numbers of the checkpoints that a pruning deletes."""
    answer = await client.done("pruneCheckpoints", executionId=exec_id(execution), keepLast=keep, **given)
    return [int(name.rsplit("_", 1)[1]) for name in answer["deletedIds"]]


@pytest.mark.parametrize("data", [{"a": [1, None]}, [], "", 0, False, None], ids=repr)
async def test_a_checkpoint_keeps_what_it_was_given(client: Client, make: Factory, data: Any) -> None:
    given = {"stepKey": "a", "label": "first", "data": data}
    made = await client.done("createCheckpoint", executionId=exec_id(await make.execution()), **given)
    assert {name: made["checkpoint"][name] for name in given} == given
    assert (made["checkpoint"]["seq"], made["checkpoint"]["stateVersion"]) == (1, 0)


async def test_checkpoints_follow_each_other_and_read_back(client: Client, make: Factory) -> None:
    execution = await chain(client, make, 4)
    assert await kept(client, execution) == [(1, None), (2, 1), (3, 2), (4, 3)]


async def test_a_checkpoint_copies_nothing(client: Client, database: Database, make: Factory) -> None:
    execution = await chain(client, make, 2)
    before = await rows(database, "state_entries")
    await client.done("createCheckpoint", executionId=exec_id(execution))
    assert await rows(database, "state_entries") == before


async def test_a_checkpoint_is_in_the_history(client: Client, make: Factory) -> None:
    execution = await chain(client, make, 1)
    event = (await read_events(client, execution))[-1]
    assert (event["type"], event["changes"]) == (
        "CHECKPOINT_CREATED",
        {"checkpoint": 1, "stateVersion": {"after": 1}},
    )


async def test_what_followed_a_deleted_checkpoint_follows_the_one_before(
    client: Client, make: Factory
) -> None:
    execution = await chain(client, make, 4)
    for seq in (2, 1):
        await client.done("deleteCheckpoint", checkpointId=checkpoint_id(execution, seq))
    assert await kept(client, execution) == [(3, None), (4, 3)]


async def test_the_head_and_the_base_of_a_fork_stay(
    client: Client, database: Database, make: Factory
) -> None:
    execution = await chain(client, make, 3)
    await client.done("forkExecution", checkpointId=checkpoint_id(execution, 1))
    before = await everything(database)
    refused = [
        (await client.write("deleteCheckpoint", checkpointId=checkpoint_id(execution, seq)))["__typename"]
        for seq in (1, 3)
    ]
    assert (refused, await everything(database) == before) == (["InvalidInput"] * 2, True)


@pytest.mark.parametrize(
    ("keep", "going"), [(0, [1, 2, 3, 4]), (1, [1, 2, 3, 4]), (2, [1, 2, 3]), (5, []), (2**31 - 1, [])]
)
async def test_the_newest_stay_and_read_back_exactly(
    client: Client, make: Factory, keep: int, going: list[int]
) -> None:
    execution = await chain(client, make, 5)
    assert await prune(client, execution, keep) == going
    staying = [seq for seq in range(1, 6) if seq not in going]
    parents = dict(zip(staying, [None, *staying], strict=False))
    assert await kept(client, execution) == [(seq, parents[seq]) for seq in staying]


async def test_bases_of_forks_and_the_head_stay_whatever_is_pruned(client: Client, make: Factory) -> None:
    execution = await chain(client, make, 6)
    await client.done("forkExecution", checkpointId=checkpoint_id(execution, 2))
    await client.done(
        "recoverExecution", executionId=exec_id(execution), checkpointId=checkpoint_id(execution, 4)
    )
    assert await prune(client, execution, 1) == [1, 3, 5]
    assert await kept(client, execution) == [(2, None), (4, 2), (6, 4)]


@pytest.mark.parametrize("keep", [0, 1, 2])
async def test_a_dry_run_tells_what_would_go_and_changes_nothing(
    client: Client, database: Database, make: Factory, keep: int
) -> None:
    # A key is used up by what is done, not by a look at it.
    given = {
        "executionId": exec_id(await chain(client, make, 4)),
        "keepLast": keep,
        "idempotencyKey": "once",
    }
    before = await everything(database)
    told = await client.done("pruneCheckpoints", **given, dryRun=True)
    assert await everything(database) == before
    assert await client.done("pruneCheckpoints", **given) == told
    assert len(before) > len(await everything(database))


async def test_versions_from_the_oldest_kept_checkpoint_on_stay_readable(
    client: Client, make: Factory
) -> None:
    execution = await chain(client, make, 3)
    for seq in (4, 5):
        await client.done(
            "saveState",
            executionId=exec_id(execution),
            variablesAppend={"list": [seq]},
            variablesPatch={"n": seq, f"v{seq % 3}": seq},
        )
    await prune(client, execution, 2)
    read = {version: await read_variables(client, execution, version) for version in (2, 3, 4, 5)}
    assert read == {version: variables_at(version) for version in (2, 3, 4, 5)}


async def test_a_version_that_was_pruned_is_said_to_be_gone(client: Client, make: Factory) -> None:
    execution = await chain(client, make, 4)
    await prune(client, execution, 1)
    document = "query ($id: ID!) { execution(id: $id) { stateAt(version: 2) { version } } }"
    assert (await client.refused(document, id=exec_id(execution)))[0] == "NOT_FOUND"


async def test_pruning_leaves_no_row_that_nothing_can_see(
    client: Client, database: Database, make: Factory
) -> None:
    execution = await make.execution()
    for number in range(10):
        await client.done("saveState", executionId=exec_id(execution), variables={"n": number})
    await client.done("createCheckpoint", executionId=exec_id(execution))
    await prune(client, execution, 1)
    assert [row["version"] for row in await rows(database, "state_entries")] == [10]


@pytest.mark.parametrize("checkpoints", [0, 1])
async def test_a_pruning_that_deletes_anything_is_in_the_history(
    client: Client, make: Factory, checkpoints: int
) -> None:
    execution = await make.execution()
    for number in range(3):
        await client.done("saveState", executionId=exec_id(execution), variables={"n": number})
    for _ in range(checkpoints):
        await client.done("createCheckpoint", executionId=exec_id(execution))
    await prune(client, execution, 1)
    assert (await read_events(client, execution))[-1]["type"] == "CHECKPOINTS_DELETED"


async def test_pruning_twice_is_pruning_once(client: Client, database: Database, make: Factory) -> None:
    execution = await chain(client, make, 4)
    await prune(client, execution, 2)
    before = await everything(database)
    assert (await prune(client, execution, 2), await everything(database) == before) == ([], True)


async def test_work_goes_on_after_a_pruning(client: Client, make: Factory) -> None:
    execution = await chain(client, make, 4)
    await prune(client, execution, 0)
    await client.done("saveState", executionId=exec_id(execution), variablesAppend={"list": [5]})
    assert (await read_variables(client, execution))["list"] == [1, 2, 3, 4, 5]


async def test_a_negative_number_of_checkpoints_is_refused(client: Client, make: Factory) -> None:
    given = {"executionId": exec_id(await make.execution()), "keepLast": -1}
    assert (await client.write("pruneCheckpoints", **given))["__typename"] == "InvalidInput"


@pytest.mark.parametrize("kind", Subject)
@pytest.mark.parametrize("mutation", ["deleteCheckpoint", "pruneCheckpoints"])
async def test_of_what_is_on_hold_nothing_goes(
    client: Client, database: Database, make: Factory, kind: Subject, mutation: str
) -> None:
    execution = await chain(client, make, 3)
    (row,) = await rows(database, "executions")
    await make.hold(execution if kind is Subject.EXECUTION else UUID(row["workflow_id"]), kind, "an audit")
    before = await everything(database)
    given = {"executionId": exec_id(execution), "keepLast": 1}
    if mutation == "deleteCheckpoint":
        given = {"checkpointId": checkpoint_id(execution, 1)}
    refused = await client.write(mutation, **given)
    assert refused["message"] == "It is on hold (an audit); release it first."
    assert await everything(database) == before
