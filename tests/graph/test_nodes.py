"""Anything can be fetched by its id, alone or among others."""

import pytest

from db.enums import StateOp
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory

# Tokens are tried on an application of their own, in test_tokens.py: the first one turns authentication on.
# Policies and runs are tried where they are made, in test_retention.py.
KINDS = [kind for kind in Kind if kind not in (Kind.TOKEN, Kind.POLICY, Kind.RUN)]
TYPES = {
    Kind.WORKFLOW: "Workflow",
    Kind.EXECUTION: "Execution",
    Kind.STATE: "ExecutionState",
    Kind.STATE_VERSION: "ExecutionState",
    Kind.STEP: "Step",
    Kind.CHECKPOINT: "Checkpoint",
    Kind.LOG_ENTRY: "LogEntry",
    Kind.METRIC_POINT: "MetricPoint",
    Kind.EVENT: "Event",
    Kind.AUDIT_ENTRY: "AuditEntry",
    Kind.HOLD: "Hold",
    Kind.VARIABLE_CHANGE: "VariableChange",
}
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


async def one_of_each(make: Factory) -> dict[Kind, str]:
    """An execution with one of everything; the ids by kind."""
    execution = await make.execution(workflow := await make.workflow())
    await make.steps(execution)
    await make.logs(execution)
    await make.events(execution)
    await make.metric_points(execution, cpu=0.5)
    await make.state(execution, {"a": (StateOp.SET, 1)})
    await make.checkpoints(execution, 1)
    await make.hold(execution)
    plain = [kind for kind in KINDS if not kind.named]
    ids = {kind: encode(kind, execution, 1) if kind.numbered else encode(kind, execution) for kind in plain}
    ids[Kind.VARIABLE_CHANGE] = encode(Kind.VARIABLE_CHANGE, execution, "a", 1)
    others = {Kind.WORKFLOW: workflow, Kind.AUDIT_ENTRY: await make.audit_entry()}
    return ids | {kind: encode(kind, key) for kind, key in others.items()}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_node_of_every_kind_is_found(client: Client, make: Factory, kind: Kind) -> None:
    ids = await one_of_each(make)
    data = await client.ask(NODE, id=ids[kind])
    assert data["node"] == {"__typename": TYPES[kind], "id": ids[kind]}


async def test_a_change_of_a_variable_is_found_by_the_id_that_its_history_gives(
    client: Client, make: Factory
) -> None:
    execution = await make.execution()
    # A field of the state may be called as a variable is.
    input = {"variablesPatch": {"current_step": 1}, "currentStep": "a"}
    await client.done("saveState", executionId=encode(Kind.EXECUTION, execution), **input)
    change = "id op value version"
    history = f"""query ($id: ID!) {{ execution(id: $id) {{ state {{ variable(key: "current_step") {{
        history {{ nodes {{ {change} }} }} }} }} }} }}"""
    data = await client.ask(history, id=encode(Kind.EXECUTION, execution))
    (found,) = data["execution"]["state"]["variable"]["history"]["nodes"]
    again = f"query ($id: ID!) {{ node(id: $id) {{ ... on VariableChange {{ {change} }} }} }}"
    assert await client.ask(again, id=found["id"]) == {"node": found}


async def test_nodes_come_in_the_order_of_their_ids(client: Client, make: Factory) -> None:
    ids = await one_of_each(make)
    asked = [*ids.values(), *reversed(ids.values())]
    data = await client.ask(NODES, ids=asked)
    assert [node["id"] for node in data["nodes"]] == asked


async def test_no_ids_are_no_nodes(client: Client) -> None:
    assert await client.ask(NODES, ids=[]) == {"nodes": []}


async def test_five_hundred_nodes_come_at_once(client: Client, make: Factory) -> None:
    ids = [encode(Kind.EXECUTION, key) for key in await make.executions(500)]
    data = await client.ask(NODES, ids=ids)
    assert [node["id"] for node in data["nodes"]] == ids


async def test_a_row_of_another_execution_is_not_taken_for_it(client: Client, make: Factory) -> None:
    one, other = await make.executions(2)
    await make.steps(one)
    code, _ = await client.refused(NODE, id=encode(Kind.STEP, other, 1))
    assert code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("by", "found"),
    [
        ({"name": "etl"}, "2"),
        ({"nameVersion": {"name": "etl", "version": "1"}}, "1"),
        ({"nameVersion": {"name": "etl", "version": "2"}}, "2"),
        ({"name": "other"}, "7"),
    ],
)
async def test_a_workflow_is_found_by_its_name(
    client: Client, make: Factory, by: dict[str, object], found: str
) -> None:
    await make.workflow(name="etl", version="1")
    await make.workflow(name="etl", version="2")
    await make.workflow(name="other", version="7")
    data = await client.ask("query ($by: WorkflowBy!) { workflow(by: $by) { version } }", by=by)
    assert data == {"workflow": {"version": found}}


async def test_a_workflow_is_found_by_its_id(client: Client, make: Factory) -> None:
    id = encode(Kind.WORKFLOW, await make.workflow())
    data = await client.ask("query ($by: WorkflowBy!) { workflow(by: $by) { id } }", by={"id": id})
    assert data == {"workflow": {"id": id}}


async def test_health_tells_versions_and_partitions(client: Client) -> None:
    data = await client.ask(
        "{ health { version database { version latency revision expectedRevision partitions } } }"
    )
    database = data["health"]["database"]
    assert (database["revision"], database["partitions"] > 0) == (database["expectedRevision"], True)
