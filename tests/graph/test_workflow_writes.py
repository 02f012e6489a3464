"""Workflows: created in versions, changed under a revision, moved by the table, deleted with care."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from db.engine import Database
from db.enums import ExecutionStatus, WorkflowStatus
from db.transitions import WORKFLOW_MOVES
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.graph.reading import read_execution
from tests.rows import counts, everything, rows

STEPS = {"steps": [{"key": "a"}, {"key": "b", "dependsOn": ["a"]}], "more": [1, None, {"x": "é"}]}
FULL = {
    "name": "orders",
    "version": "7",
    "definition": STEPS,
    "description": "What comes in.",
    "status": "DRAFT",
    "tags": ["a", "b"],
    "category": "shop",
    "priority": "HIGH",
    "environment": "STAGING",
    "estimatedDuration": "PT1H30M0.5S",
}


def wf_id(key: UUID) -> str:
    """The public id of a workflow."""
    return encode(Kind.WORKFLOW, key)


async def test_everything_that_was_given_is_kept(client: Client) -> None:
    made = (await client.done("createWorkflow", **FULL))["workflow"]
    assert {name: made[name] for name in FULL} == FULL
    # As texts they don't compare: a whole second has no fraction.
    created, updated = (datetime.fromisoformat(made[name]) for name in ("createdAt", "updatedAt"))
    assert (made["revision"], made["createdBy"], updated >= created) == (1, "anonymous", True)


async def test_what_was_left_out_has_its_default(client: Client) -> None:
    made = (await client.done("createWorkflow", name="bare", version="1", definition={}))["workflow"]
    assert {name: made[name] for name in FULL if name not in ("name", "version", "definition")} == {
        "description": None,
        "status": "ACTIVE",
        "tags": [],
        "category": None,
        "priority": "NORMAL",
        "environment": "DEVELOPMENT",
        "estimatedDuration": None,
    }


async def test_name_and_version_are_taken_once(client: Client, database: Database) -> None:
    await client.done("createWorkflow", **FULL)
    before = await everything(database)
    assert (await client.write("createWorkflow", **FULL))["__typename"] == "AlreadyExists"
    assert await everything(database) == before


async def test_another_definition_is_another_version(client: Client) -> None:
    first = await client.done("createWorkflow", **FULL)
    other = await client.done("createWorkflow", **{**FULL, "version": "8", "definition": {}})
    assert first["workflow"]["id"] != other["workflow"]["id"]


@pytest.mark.parametrize("duration", ["-PT1S", "-P1D"])
async def test_a_negative_duration_is_refused(client: Client, duration: str) -> None:
    answer = await client.write("createWorkflow", **{**FULL, "estimatedDuration": duration})
    assert answer["__typename"] == "InvalidInput"


@pytest.mark.parametrize(
    "changed",
    [
        {"description": "other"},
        {"tags": ["c"]},
        {"tags": []},
        {"category": "other"},
        {"priority": "LOW"},
        {"environment": "PRODUCTION"},
        {"estimatedDuration": "PT5S"},
        {"definition": {"steps": []}},
        {"description": None},
        {"category": None},
        {"estimatedDuration": None},
        {"description": "x", "priority": "CRITICAL", "tags": ["x"]},
    ],
    ids=str,
)
async def test_an_update_changes_what_it_names_and_counts_a_revision(
    client: Client, changed: dict[str, Any]
) -> None:
    before = (await client.done("createWorkflow", **FULL))["workflow"]
    after = (await client.done("updateWorkflow", workflowId=before["id"], **changed))["workflow"]
    drawn_from_it: dict[str, Any] = {"steps": []} if "definition" in changed else {}
    assert after == {**before, **changed, **drawn_from_it, "revision": 2, "updatedAt": after["updatedAt"]}


@pytest.mark.parametrize(
    "unchanged", [{}, {"priority": "HIGH"}, {"tags": None}, {"definition": STEPS}], ids=str
)
async def test_an_update_to_what_is_there_changes_nothing(
    client: Client, database: Database, unchanged: dict[str, Any]
) -> None:
    made = (await client.done("createWorkflow", **FULL))["workflow"]
    before = await everything(database)
    assert (await client.done("updateWorkflow", workflowId=made["id"], **unchanged))["workflow"] == made
    assert await everything(database) == before


@pytest.mark.parametrize(("there", "given"), [({"n": 1}, {"n": True}), ({"n": False}, {"n": 0})], ids=str)
async def test_true_is_not_1_in_a_definition(client: Client, there: Any, given: Any) -> None:
    made = (await client.done("createWorkflow", **{**FULL, "definition": there}))["workflow"]
    changed = await client.done("updateWorkflow", workflowId=made["id"], definition=given)
    assert str(changed["workflow"]["definition"]) == str(given)


@pytest.mark.parametrize("status", [status for status in WorkflowStatus if status != WorkflowStatus.DRAFT])
async def test_only_a_draft_changes_its_definition(
    client: Client, database: Database, make: Factory, status: WorkflowStatus
) -> None:
    workflow = await make.workflow(status=status)
    before = await everything(database)
    answer = await client.write(
        "updateWorkflow", workflowId=wf_id(workflow), definition={"steps": [{"key": "a"}]}
    )
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


@pytest.mark.parametrize("mutation", ["createWorkflow", "updateWorkflow"])
@pytest.mark.parametrize(
    "definition", [{"steps": {}}, {"steps": [{"key": "a", "dependsOn": ["a"]}]}, {"steps": [{}]}], ids=str
)
async def test_a_definition_that_breaks_the_rules_is_refused(
    client: Client, make: Factory, mutation: str, definition: dict[str, Any]
) -> None:
    workflow = wf_id(await make.workflow(status=WorkflowStatus.DRAFT))
    named = {"workflowId": workflow} if mutation == "updateWorkflow" else {"name": "new", "version": "1"}
    assert (await client.write(mutation, **named, definition=definition))["__typename"] == "InvalidInput"


async def test_the_expected_revision_lets_one_update_through(client: Client, make: Factory) -> None:
    given = {"workflowId": wf_id(await make.workflow()), "expectedRevision": 1}
    await client.done("updateWorkflow", **given, description="mine")
    answer = await client.write("updateWorkflow", **given, description="theirs")
    assert (answer["__typename"], answer["expected"], answer["current"]) == ("VersionConflict", 1, 2)


@pytest.mark.parametrize("to", WorkflowStatus)
@pytest.mark.parametrize("current", WorkflowStatus)
async def test_the_table_says_which_status_may_follow(
    client: Client, make: Factory, current: WorkflowStatus, to: WorkflowStatus
) -> None:
    workflow = wf_id(await make.workflow(status=current))
    answer = await client.write("setWorkflowStatus", workflowId=workflow, status=to)
    if to == current or to in WORKFLOW_MOVES[current]:
        assert answer["workflow"]["status"] == to
        assert answer["workflow"]["revision"] == 1 + (to != current)
    else:
        assert (answer["__typename"], answer["current"], answer["to"]) == ("InvalidTransition", current, to)


async def test_a_workflow_without_executions_goes_at_once(
    client: Client, database: Database, make: Factory
) -> None:
    workflow = wf_id(await make.workflow())
    answer = await client.done("deleteWorkflow", workflowId=workflow)
    assert (answer["deletedId"], answer["executions"]) == (workflow, 0)
    assert await rows(database, "workflows") == []


@pytest.mark.parametrize("cascade", [False, True])
@pytest.mark.parametrize("status", [ExecutionStatus.PENDING, ExecutionStatus.RUNNING, ExecutionStatus.PAUSED])
async def test_a_workflow_with_live_executions_stays(
    client: Client, database: Database, make: Factory, status: ExecutionStatus, cascade: bool
) -> None:
    workflow = await make.workflow()
    await make.execution(workflow, status=status)
    before = await everything(database)
    answer = await client.write("deleteWorkflow", workflowId=wf_id(workflow), cascade=cascade)
    assert (answer["__typename"], await everything(database) == before) == ("InvalidInput", True)


async def test_a_cascade_leaves_nothing_of_the_workflow(
    client: Client, database: Database, make: Factory
) -> None:
    (workflow,) = await make.tree(workflows=1, executions=2, steps=2, logs=2)
    for execution in await rows(database, "executions"):
        await client.done(
            "transitionExecution", executionId=f"exec_{UUID(execution['id']).hex}", to="CANCELLED"
        )
    answer = await client.done("deleteWorkflow", workflowId=wf_id(workflow), cascade=True)
    left = {table: number for table, number in (await counts(database)).items() if number}
    assert (answer["executions"], left) == (2, {"audit_entries": 1, "deleted_executions": 2})


async def test_children_and_forks_outlive_a_workflow_that_goes(client: Client, make: Factory) -> None:
    gone = await make.workflow()
    base = await make.execution(gone, status=ExecutionStatus.COMPLETED)
    await make.checkpoints(base, 0)
    other = await make.execution(parent_id=base, forked_from_execution_id=base, forked_from_seq=1)
    await client.done("deleteWorkflow", workflowId=wf_id(gone), cascade=True)
    left = await read_execution(client, other)
    assert (left["parent"], left["forkedFrom"]) == (None, None)


async def test_changes_are_named_as_the_api_names_them(client: Client, database: Database) -> None:
    workflow = (await client.done("createWorkflow", **FULL))["workflow"]["id"]
    await client.done("updateWorkflow", workflowId=workflow, estimatedDuration="PT90S")
    await client.done("createRetentionPolicy", name="old", keepExecutions="P90D", keepLast=3)
    named = {name for entry in await rows(database, "audit_entries") for name in entry["changes"]}
    assert {"estimatedDuration", "keepLast"} <= named
    assert not [name for name in named if "_" in name]


async def test_the_audit_says_what_was_before_and_after(client: Client, database: Database) -> None:
    workflow = (await client.done("createWorkflow", **FULL))["workflow"]["id"]
    await client.done("updateWorkflow", workflowId=workflow, description="other", priority="LOW")
    await client.done("setWorkflowStatus", workflowId=workflow, status="ACTIVE")
    await client.done("deleteWorkflow", workflowId=workflow)
    entries = sorted(await rows(database, "audit_entries"), key=lambda row: row["id"])
    assert [(entry["type"], entry["subject_type"], entry["actor"]) for entry in entries] == [
        (f"WORKFLOW_{done}", "WORKFLOW", "anonymous")
        for done in ("CREATED", "UPDATED", "STATUS_CHANGED", "DELETED")
    ]
    assert {entry["subject_id"] for entry in entries} == {workflow.removeprefix("wf_")}
    assert entries[1]["changes"] == {
        "description": {"before": "What comes in.", "after": "other"},
        "priority": {"before": "HIGH", "after": "LOW"},
    }
    assert entries[2]["changes"] == {"status": {"before": "DRAFT", "after": "ACTIVE"}}
