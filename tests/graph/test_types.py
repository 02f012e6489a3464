"""Every field of every type, compared with the row that it shows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from graphql import GraphQLObjectType, build_schema, is_leaf_type
from graphql.type import get_named_type

from db.enums import Environment, ExecutionStatus, LogLevel, Priority, StateOp, StepStatus, TriggerType
from db.enums import WorkflowStatus as Status
from db.ids import uuid7, uuid7_time
from graph.ids import Kind, encode
from graph.schema import schema
from tests.client import Client
from tests.factories import Factory

AT = datetime(2026, 1, 15, 12, 30, 15, 123456, tzinfo=UTC)
TYPES = build_schema(schema.as_str()).type_map
JSONS: Any = {"z": 1, "a": [1.50, "é", None, {"\\u0000": 2**53}], "": {}}
ERROR: Any = {"message": "broke", "code": "E1", "details": {"line": 7}, "retriable": True}


def iso(moment: datetime) -> str:
    """As DateTime goes out."""
    return orjson.dumps(moment, option=orjson.OPT_UTC_Z).decode().strip('"')


def leaves(name: str) -> str:
    """Every field of a type that is a value and takes no arguments."""
    kind = TYPES[name]
    assert isinstance(kind, GraphQLObjectType)
    fields = kind.fields.items()
    return " ".join(n for n, field in fields if is_leaf_type(get_named_type(field.type)) and not field.args)


async def read(client: Client, name: str, id: str, more: str = "") -> Any:
    """All values of a node, and whatever else."""
    document = f"query ($id: ID!) {{ node(id: $id) {{ ... on {name} {{ {leaves(name)} {more} }} }} }}"
    return (await client.ask(document, id=id))["node"]


async def test_a_workflow_shows_its_row(client: Client, make: Factory) -> None:
    row: dict[str, Any] = {
        "name": "Täglich",
        "version": "2.0",
        "status": Status.DEPRECATED,
        "definition": JSONS,
        "description": "what it does",
        "tags": ["b", "a"],
        "category": "etl",
        "priority": Priority.CRITICAL,
        "environment": Environment.STAGING,
    }
    key = uuid7()
    times = {"estimated_duration": timedelta(hours=1, microseconds=1), "updated_at": AT}
    await make.workflow(id=key, created_by="ann", revision=2**40, **times, **row)
    assert await read(client, "Workflow", encode(Kind.WORKFLOW, key)) == row | {
        "id": encode(Kind.WORKFLOW, key),
        "estimatedDuration": "PT1H0.000001S",
        "createdBy": "ann",
        "createdAt": iso(uuid7_time(key)),
        "updatedAt": iso(AT),
        "revision": 2**40,
    }


async def failed_execution(make: Factory) -> UUID:
    """An execution where every column that may be set with an error is set."""
    return await make.execution(
        status=ExecutionStatus.FAILED,
        trigger_type=TriggerType.WEBHOOK,
        triggered_by="hook",
        correlation_id="order-1",
        input=JSONS,
        attributes=JSONS,
        tags=["b", "a"],
        error=ERROR,
        lease_epoch=7,
        heartbeat_at=AT,
        started_at=AT,
        completed_at=AT + timedelta(seconds=1.5),
    )


async def test_an_execution_shows_its_row(client: Client, make: Factory) -> None:
    key = await failed_execution(make)
    more = f"error {{ {leaves('Failure')} }} lease {{ {leaves('Lease')} }}"
    assert await read(client, "Execution", encode(Kind.EXECUTION, key), more) == {
        "id": encode(Kind.EXECUTION, key),
        "status": "FAILED",
        "triggerType": "WEBHOOK",
        "triggeredBy": "hook",
        "correlationId": "order-1",
        "input": JSONS,
        "result": None,
        "attributes": JSONS,
        "tags": ["b", "a"],
        "createdAt": iso(uuid7_time(key)),
        "startedAt": iso(AT),
        "completedAt": iso(AT + timedelta(seconds=1.5)),
        "duration": "PT1.5S",
        "error": ERROR,
        "lease": {"holder": None, "epoch": 7, "expiresAt": None, "heartbeatAt": iso(AT)},
    }


async def test_an_execution_shows_its_result(client: Client, make: Factory) -> None:
    key = await make.execution(status=ExecutionStatus.COMPLETED, result=[JSONS, 1])
    found = await read(client, "Execution", encode(Kind.EXECUTION, key), "error { message }")
    assert (found["result"], found["error"], found["duration"]) == ([JSONS, 1], None, "PT2S")


@pytest.mark.parametrize("result", ["text", "", '"', 1.5, True, [], {}, 2**63 - 1, [["\u2028"]]])
async def test_a_result_is_any_json(client: Client, make: Factory, result: Any) -> None:
    key = await make.execution(status=ExecutionStatus.COMPLETED, result=result)
    assert (await read(client, "Execution", encode(Kind.EXECUTION, key)))["result"] == result


async def test_a_failure_may_be_a_message_alone(client: Client, make: Factory) -> None:
    key = await make.execution(status=ExecutionStatus.FAILED, error={"message": "broke"})
    more = f"error {{ {leaves('Failure')} }}"
    found = await read(client, "Execution", encode(Kind.EXECUTION, key), more)
    assert found["error"] == {"message": "broke", "code": None, "details": None, "retriable": None}


async def test_a_lease_shows_who_holds_it(client: Client, make: Factory) -> None:
    lease: dict[str, Any] = {"lease_holder": "worker 1", "lease_epoch": 3, "lease_expires_at": AT}
    key = await make.execution(status=ExecutionStatus.RUNNING, **lease)
    found = await read(client, "Execution", encode(Kind.EXECUTION, key), f"lease {{ {leaves('Lease')} }}")
    assert found["lease"] == {
        "holder": "worker 1",
        "epoch": 3,
        "expiresAt": iso(AT),
        "heartbeatAt": None,
    }


async def test_an_execution_knows_its_relatives(client: Client, make: Factory) -> None:
    base = await make.execution(workflow := await make.workflow())
    await make.checkpoints(base, 0, 0)
    fork = {"forked_from_execution_id": base, "forked_from_seq": 1}
    child = await make.execution(workflow, parent_id=base, **fork)
    id = encode(Kind.EXECUTION, child)
    more = "workflow { id } parent { id children { nodes { id } } latestCheckpoint { id } } forkedFrom { id }"
    found = await read(client, "Execution", id, f"{more} latestCheckpoint {{ id }}")
    assert {name: found[name] for name in ("workflow", "parent", "forkedFrom", "latestCheckpoint")} == {
        "workflow": {"id": encode(Kind.WORKFLOW, workflow)},
        "parent": {
            "id": encode(Kind.EXECUTION, base),
            "children": {"nodes": [{"id": id}]},
            "latestCheckpoint": {"id": encode(Kind.CHECKPOINT, base, 2)},
        },
        "forkedFrom": {"id": encode(Kind.CHECKPOINT, base, 1)},
        "latestCheckpoint": None,
    }


async def test_a_workflow_knows_its_versions_and_executions(client: Client, make: Factory) -> None:
    old, new = await make.workflow(name="etl"), await make.workflow(name="etl", version="2")
    runs = await make.executions(2, old)
    more = "versions { nodes { id } } executions { nodes { id } }"
    found = await read(client, "Workflow", encode(Kind.WORKFLOW, old), more)
    assert found["versions"]["nodes"] == [{"id": encode(Kind.WORKFLOW, key)} for key in (new, old)]
    assert {node["id"] for node in found["executions"]["nodes"]} == {
        encode(Kind.EXECUTION, key) for key in runs
    }


async def test_a_step_shows_its_row(client: Client, make: Factory) -> None:
    execution = await make.execution()
    row = {"key": "é/1", "attempt": 2**31 - 1, "name": "Fetch", "type": "http"}
    documents = {"input": JSONS, "metrics": JSONS}
    times = {"created_at": AT, "started_at": AT, "completed_at": AT + timedelta(days=400)}
    failed = {"status": StepStatus.FAILED, "error": ERROR, "depends_on": ["b", "a"]}
    await make.records(execution, steps=[{"seq": 1, **row, **documents, **times, **failed}])
    more = f"error {{ {leaves('Failure')} }} execution {{ id }}"
    assert await read(client, "Step", encode(Kind.STEP, execution, 1), more) == row | documents | {
        "id": encode(Kind.STEP, execution, 1),
        "seq": 1,
        "status": "FAILED",
        "output": None,
        "dependsOn": ["b", "a"],
        "createdAt": iso(AT),
        "startedAt": iso(AT),
        "completedAt": iso(AT + timedelta(days=400)),
        "duration": "PT9600H",
        "error": ERROR,
        "execution": {"id": encode(Kind.EXECUTION, execution)},
    }


async def test_a_step_shows_its_output_and_its_logs(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await make.steps(execution, 2, output="text")
    await make.logs(execution, 2, step_seq=2)
    found = await read(client, "Step", encode(Kind.STEP, execution, 2), "logs { nodes { seq } }")
    assert (found["output"], found["logs"]["nodes"]) == ("text", [{"seq": 1}, {"seq": 2}])


async def test_a_log_entry_shows_its_row(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await make.steps(execution)
    row = {"level": LogLevel.WARN, "message": "line\nline\t\x1b[0m", "fields": JSONS, "step_seq": 1}
    await make.logs(execution, logged_at=AT, recorded_at=AT + timedelta(seconds=1), original_bytes=99, **row)
    assert await read(client, "LogEntry", encode(Kind.LOG_ENTRY, execution, 1), "step { id }") == {
        "id": encode(Kind.LOG_ENTRY, execution, 1),
        "seq": 1,
        "level": "WARN",
        "message": "line\nline\t\x1b[0m",
        "fields": JSONS,
        "loggedAt": iso(AT),
        "recordedAt": iso(AT + timedelta(seconds=1)),
        "originalBytes": 99,
        "truncated": True,
        "step": {"id": encode(Kind.STEP, execution, 1)},
    }


async def test_a_log_entry_may_be_of_no_step(client: Client, make: Factory) -> None:
    await make.logs(execution := await make.execution())
    found = await read(client, "LogEntry", encode(Kind.LOG_ENTRY, execution, 1), "step { id }")
    assert (found["step"], found["fields"]) == (None, None)


async def test_an_event_shows_its_row(client: Client, make: Factory) -> None:
    await make.events(
        execution := await make.execution(), type="STATE_SAVED", actor="bob", at=AT, changes=JSONS
    )
    assert await read(client, "Event", encode(Kind.EVENT, execution, 1)) == {
        "id": encode(Kind.EVENT, execution, 1),
        "seq": 1,
        "type": "STATE_SAVED",
        "actor": "bob",
        "at": iso(AT),
        "changes": JSONS,
    }


async def test_an_event_leads_to_its_step(client: Client, make: Factory) -> None:
    await make.steps(execution := await make.execution(), 2)
    await make.records(execution, events=[{"seq": 1, "changes": {"step": 2}}, {"seq": 2}])
    document = "query ($id: ID!) { execution(id: $id) { events { nodes { step { key } } } } }"
    found = await client.ask(document, id=encode(Kind.EXECUTION, execution))
    assert found["execution"]["events"]["nodes"] == [{"step": {"key": "step2"}}, {"step": None}]


async def test_an_audit_entry_shows_its_row(client: Client, make: Factory) -> None:
    subject = uuid7()
    key = await make.audit_entry(at=AT, actor="bob", type="T", subject_id=subject.hex, changes=JSONS)
    assert await read(client, "AuditEntry", encode(Kind.AUDIT_ENTRY, key)) == {
        "id": encode(Kind.AUDIT_ENTRY, key),
        "at": iso(AT),
        "actor": "bob",
        "type": "T",
        "subjectType": "WORKFLOW",
        "subjectId": encode(Kind.WORKFLOW, subject),
        "changes": JSONS,
    }


async def test_a_metric_point_shows_its_row(client: Client, make: Factory) -> None:
    await make.steps(execution := await make.execution())
    row = {"seq": 1, "step_seq": 1, "name": "cpu", "value": 0.1, "recorded_at": AT}
    await make.records(execution, points=[row])
    assert await read(client, "MetricPoint", encode(Kind.METRIC_POINT, execution, 1), "step { id }") == {
        "id": encode(Kind.METRIC_POINT, execution, 1),
        "seq": 1,
        "name": "cpu",
        "value": 0.1,
        "recordedAt": iso(AT),
        "step": {"id": encode(Kind.STEP, execution, 1)},
    }


async def test_a_checkpoint_shows_its_row(client: Client, make: Factory) -> None:
    execution = await make.execution()
    await make.state(execution, {"a": (StateOp.SET, 1)}, {"a": (StateOp.SET, 2)})
    named = {"step_key": "s", "label": "before", "data": JSONS, "created_by": "ann", "created_at": AT}
    await make.checkpoints(execution, 1, 2, **named)
    more = "parent { id parent { id } state { version variables } } state { variables } execution { id }"
    assert await read(client, "Checkpoint", encode(Kind.CHECKPOINT, execution, 2), more) == {
        "id": encode(Kind.CHECKPOINT, execution, 2),
        "seq": 2,
        "stepKey": "s",
        "label": "before",
        "stateVersion": 2,
        "data": JSONS,
        "createdBy": "ann",
        "createdAt": iso(AT),
        "parent": {
            "id": encode(Kind.CHECKPOINT, execution, 1),
            "parent": None,
            "state": {"version": 1, "variables": {"a": 1}},
        },
        "state": {"variables": {"a": 2}},
        "execution": {"id": encode(Kind.EXECUTION, execution)},
    }
