"""Retention through the API and on the command line."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from db.engine import Database
from db.enums import ExecutionStatus, Subject
from graph.app import create_app
from graph.ids import Kind, encode
from graph.settings import Settings
from tests.client import Client
from tests.commands import Command
from tests.conftest import Statements
from tests.factories import Factory
from tests.rows import everything, rows

ENDED = datetime.now(UTC) - timedelta(hours=1)
OVER: dict[str, Any] = {"status": ExecutionStatus.COMPLETED, "started_at": ENDED, "completed_at": ENDED}
PREVIEW = """query ($by: RetentionPreviewBy) { previewRetention(by: $by) {
    executions withLogs withCheckpoints exact partitions tables { table rows } } }"""


async def test_a_policy_is_created_changed_and_deleted(client: Client) -> None:
    made = await client.done("createRetentionPolicy", name="old", keepExecutions="P90D", statuses=["FAILED"])
    id = made["policy"]["id"]
    assert (made["policy"]["keepExecutions"], made["policy"]["revision"]) == ("PT2160H", 1)
    changed = await client.done("updateRetentionPolicy", policyId=id, statuses=None, keepLogs="P7D")
    assert (changed["policy"]["statuses"], changed["policy"]["keepLogs"]) == (None, "PT168H")
    assert (changed["policy"]["keepExecutions"], changed["policy"]["revision"]) == ("PT2160H", 2)
    assert (await client.done("deleteRetentionPolicy", policyId=id))["deletedId"] == id
    log = await client.ask(f'{{ auditLog(filter: {{subjectId: "{id}"}}) {{ nodes {{ type }} }} }}')
    assert [entry["type"].removeprefix("RETENTION_POLICY_") for entry in log["auditLog"]["nodes"]] == [
        "DELETED",
        "UPDATED",
        "CREATED",
    ]


@pytest.mark.parametrize(
    ("input", "member"),
    [
        ({"name": "taken", "keepLogs": "P1D"}, "AlreadyExists"),
        ({"name": "new"}, "InvalidInput"),
        ({"name": "new", "keepLogs": "-P1D"}, "InvalidInput"),
        ({"name": "new", "keepLogs": "P1D", "statuses": ["RUNNING"]}, "InvalidInput"),
        ({"name": "new", "keepLogs": "P1D", "statuses": []}, "InvalidInput"),
        ({"name": "new", "keepLogs": "P1D", "keepLast": 0}, "InvalidInput"),
    ],
    ids=str,
)
async def test_a_policy_that_makes_no_sense_changes_nothing(
    client: Client, database: Database, make: Factory, input: dict[str, Any], member: str
) -> None:
    await make.policy(name="taken")
    before = await everything(database)
    assert (await client.write("createRetentionPolicy", **input))["__typename"] == member
    assert await everything(database) == before


async def test_a_policy_can_not_lose_its_last_age(client: Client, make: Factory) -> None:
    id = encode(Kind.POLICY, await make.policy())
    answer = await client.write("updateRetentionPolicy", policyId=id, keepExecutions=None)
    assert answer["__typename"] == "InvalidInput"


@pytest.mark.parametrize("by", ["all", "policyId", "rule"])
async def test_what_would_go_can_be_seen(client: Client, database: Database, make: Factory, by: str) -> None:
    policy = await make.policy(keep_executions=timedelta(minutes=30))
    await make.logs(await make.execution(**OVER), 2)
    given = {"policyId": encode(Kind.POLICY, policy), "rule": {"keepExecutions": "PT30M"}}
    before = await everything(database)
    seen = (await client.ask(PREVIEW, by={by: given[by]} if by in given else None))["previewRetention"]
    assert (seen["executions"], seen["exact"], await everything(database) == before) == (1, True, True)
    assert {share["table"]: share["rows"] for share in seen["tables"]} == {
        "executions": 1,
        "states": 1,
        "log_entries": 2,
    }


async def test_a_preview_of_nothing_is_not_found(client: Client) -> None:
    by = {"policyId": encode(Kind.POLICY, UUID(int=7))}
    assert (await client.refused(PREVIEW, by=by))[0] == "NOT_FOUND"


async def test_applying_answers_with_the_receipt(client: Client, make: Factory) -> None:
    await make.policy(name="old", keep_executions=timedelta(minutes=30))
    await make.execution(**OVER)
    run = (await client.done("applyRetention"))["run"]
    assert (run["status"], run["deleted"]) == ("COMPLETED", {"states": 1, "executions": 1})
    assert run["policies"][0]["name"] == "old"
    listed = await client.ask("{ retentionRuns { nodes { id actor } } retentionPolicies { totalCount } }")
    assert listed["retentionRuns"]["nodes"] == [{"id": run["id"], "actor": "anonymous"}]
    assert listed["retentionPolicies"]["totalCount"] == 1


async def test_lists_are_narrowed_and_ordered(client: Client, make: Factory) -> None:
    for name, enabled in (("a", True), ("c", False), ("b", True)):
        await make.policy(name=name, enabled=enabled)
    for arguments, names in (
        ("orderBy: {field: NAME}", ["a", "b", "c"]),
        ("filter: {enabled: false}", ["c"]),
        ('filter: {name: {startsWith: "b"}}', ["b"]),
    ):
        found = await client.ask(f"{{ retentionPolicies({arguments}) {{ nodes {{ name }} }} }}")
        assert [node["name"] for node in found["retentionPolicies"]["nodes"]] == names
    await client.done("applyRetention")
    found = await client.ask("{ retentionRuns(filter: {status: [RUNNING]}) { nodes { id } } }")
    assert found["retentionRuns"]["nodes"] == []


async def test_holds_are_shown_where_they_are(client: Client, make: Factory) -> None:
    workflow = await make.workflow()
    execution = encode(Kind.EXECUTION, await make.execution(workflow))
    await make.hold(workflow, Subject.WORKFLOW, "an audit")
    placed = (await client.done("placeHold", subjectId=execution, reason="a dispute"))["hold"]
    assert (placed["subjectId"], placed["placedBy"]) == (execution, "anonymous")
    document = "query ($id: ID!) { execution(id: $id) { hold { reason } workflow { hold { reason } } } }"
    shown = (await client.ask(document, id=execution))["execution"]
    assert shown == {"hold": {"reason": "a dispute"}, "workflow": {"hold": {"reason": "an audit"}}}
    await client.done("releaseHold", subjectId=execution)
    assert (await client.ask(document, id=execution))["execution"]["hold"] is None


HOLDS = """query ($filter: HoldFilter) { holds(filter: $filter) { nodes {
    id subjectType subjectId reason execution { workflow { name } } workflow { name } } } }"""


async def test_all_holds_are_listed_newest_first(client: Client, make: Factory) -> None:
    workflow = await make.workflow(name="nightly")
    execution = await make.execution(workflow)
    await make.hold(workflow, Subject.WORKFLOW, "an audit", placed_at=ENDED)
    await make.hold(execution)
    shown = (await client.ask(HOLDS))["holds"]["nodes"]
    assert [hold.pop("id") for hold in shown] == [f"hold_{execution.hex}", f"hold_{workflow.hex}"]
    assert shown == [
        {
            "subjectType": "EXECUTION",
            "subjectId": encode(Kind.EXECUTION, execution),
            "reason": "a dispute",
            "execution": {"workflow": {"name": "nightly"}},
            "workflow": None,
        },
        {
            "subjectType": "WORKFLOW",
            "subjectId": encode(Kind.WORKFLOW, workflow),
            "reason": "an audit",
            "execution": None,
            "workflow": {"name": "nightly"},
        },
    ]


async def test_holds_are_narrowed(client: Client, make: Factory) -> None:
    workflow, other = await make.workflows([{}, {}])
    own, foreign = await make.execution(workflow), await make.execution(other)
    await make.hold(workflow, Subject.WORKFLOW, placed_by="auditor", placed_at=ENDED)
    await make.hold(own)
    await make.hold(foreign)
    filters: list[tuple[dict[str, Any], set[UUID]]] = [
        ({"subjectType": "WORKFLOW"}, {workflow}),
        ({"subjectType": "EXECUTION"}, {own, foreign}),
        ({"executionId": encode(Kind.EXECUTION, own)}, {own}),
        ({"workflowId": encode(Kind.WORKFLOW, workflow)}, {workflow, own}),
        ({"placedBy": ["auditor"]}, {workflow}),
        ({"placedAt": {"gt": ENDED.isoformat()}}, {own, foreign}),
    ]
    for narrowed, left in filters:
        found = (await client.ask(HOLDS, filter=narrowed))["holds"]["nodes"]
        assert {hold["id"] for hold in found} == {encode(Kind.HOLD, key) for key in left}, narrowed


@pytest.mark.parametrize("many", [3, 300])
async def test_what_holds_are_on_costs_its_statements_once(
    client: Client, make: Factory, statements: Statements, many: int
) -> None:
    workflow = await make.workflow()
    await make.hold(workflow, Subject.WORKFLOW)
    for key in await make.executions(many, workflow):
        await make.hold(key)
    await statements.clear()
    await client.ask(HOLDS.replace("filter: $filter", "filter: $filter, first: 500"))
    assert len(statements) == 4, statements.seen


async def test_the_command_line_does_it_all(command: Command, database: Database, make: Factory) -> None:
    key = await make.execution(**OVER)
    shown = command.json("retention", "preview", "--executions", "30m")
    assert (shown["executions"], shown["tables"][0]["rows"]) == (1, 1)
    made = command.json("retention", "create", "old", "--executions", "30m", "--status", "completed")
    (listed,) = command.json("retention", "list")
    assert (listed["id"], listed["keepExecutions"], listed["statuses"]) == (made["id"], 1800, ["COMPLETED"])
    subject = encode(Kind.EXECUTION, key)
    command.done("retention", "hold", subject, "--reason", "a dispute")
    (held,) = command.json("retention", "holds")
    assert (held["subjectId"], held["reason"]) == (subject, "a dispute")
    assert command.json("retention", "apply", "old")["deleted"] == {}
    command.done("retention", "release", subject)
    assert command.json("retention", "apply", "--dry-run")["executions"] == 1
    receipt = command.json("retention", "apply")
    assert (receipt["status"], receipt["deleted"]) == ("COMPLETED", {"states": 1, "executions": 1})
    assert await rows(database, "executions") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "new"], "give --executions, --logs or --checkpoints"),
        (["create", "new", "--dry-run"], "give --executions, --logs or --checkpoints"),
        (["preview", "--workflow", "nightly"], "give --executions, --logs or --checkpoints"),
        (["create", "new", "--executions", "soon"], "90d"),
        (["create", "new", "--executions", "9d", "--status", "RUNNING"], "is no end"),
        (["preview", "unknown"], "no retention policy 'unknown'"),
        (["apply", encode(Kind.POLICY, UUID(int=7))], "no retention policy pol_"),
        (["hold", "tok_1", "--reason", "x"], "is not an id"),
        (["release", encode(Kind.EXECUTION, UUID(int=7))], "no hold on exec_"),
    ],
    ids=str,
)
def test_what_a_user_can_mend_is_a_sentence(command: Command, arguments: list[str], message: str) -> None:
    run = command.run("retention", *arguments)
    assert (run.returncode, message in run.stderr, "Traceback" in run.stderr) == (1, True, False), run.stderr


def test_too_many_to_spare_is_told_by_the_options_name(command: Command) -> None:
    run = command.run("retention", "create", "new", "--executions", "9d", "--keep-last", "0", COLUMNS="200")
    assert (run.returncode, "--keep-last" in run.stderr, "keepLast" in run.stderr) == (2, True, False)


def test_help_teaches(command: Command) -> None:
    shown = command.run("retention", "--help", COLUMNS="200", TERM="dumb").stdout
    assert "flowkeep retention preview --executions 90d" in shown


async def test_the_server_applies_policies_by_itself(
    database: Database, make: Factory, worker_url: str
) -> None:
    await make.policy(keep_executions=timedelta(minutes=30))
    await make.execution(**OVER)
    settings = Settings(database_url=worker_url, pool_size=1, retention_interval=0.1)  # type: ignore[arg-type]
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        for _ in range(1_000):
            if any(run["finished_at"] and run["deleted"] for run in await rows(database, "retention_runs")):
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
    # The one that the end of the service interrupts has its receipt, and nothing in it.
    (receipt,) = [run for run in await rows(database, "retention_runs") if run["deleted"]]
    assert (receipt["actor"], receipt["status"]) == ("retention", "COMPLETED")
    assert await rows(database, "executions") == []
