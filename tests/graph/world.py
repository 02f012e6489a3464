"""One small arrangement in which every mutation has something to do, and an input that does it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from db.enums import ExecutionStatus, StateOp, StepStatus, WorkflowStatus
from graph.ids import Kind, encode
from tests.factories import Factory

EPOCH = 5
HOLDER = "engine"


@dataclass(frozen=True)
class World:
    """A leased, RUNNING execution with a step, a state and three checkpoints; and things around it."""

    workflow: UUID
    idle: UUID
    execution: UUID
    ended: UUID
    waiting: UUID
    policy: UUID

    def id(self, name: str) -> str:
        """The public id of one of them."""
        kinds = {"workflow": Kind.WORKFLOW, "idle": Kind.WORKFLOW, "policy": Kind.POLICY}
        kind = kinds.get(name, Kind.EXECUTION)
        return encode(kind, getattr(self, name))

    def checkpoint(self, seq: int) -> str:
        """The id of a checkpoint: 1 and 2 may go, 3 is the head."""
        return encode(Kind.CHECKPOINT, self.execution, seq)

    @property
    def step(self) -> str:
        """The id of the attempt that is under way."""
        return encode(Kind.STEP, self.execution, 1)


async def arrange(make: Factory, ended: ExecutionStatus = ExecutionStatus.COMPLETED) -> World:
    """The rows of a world; what has ended in it, has ended so."""
    workflow, idle = await make.workflows([{"status": WorkflowStatus.DRAFT}] * 2)
    execution = await make.execution(workflow, **lease())
    over = await make.execution(workflow, status=ended)
    waiting = await make.execution(workflow)
    await make.steps(execution, key="a", status=StepStatus.RUNNING)
    await make.steps(over, key="a", status=StepStatus.RUNNING)
    saves: list[dict[str, tuple[StateOp, Any]]] = [
        {"n": (StateOp.SET, 1), "list": (StateOp.SET, [1])},
        {"list": (StateOp.APPEND, [2])},
    ]
    await make.state(execution, *saves, checkpoint_seq=3)
    await make.checkpoints(execution, 1, 2, 2)
    await make.hold(waiting)
    return World(workflow, idle, execution, over, waiting, await make.policy())


def lease(epoch: int = EPOCH, holder: str = HOLDER, seconds: float = 3600) -> dict[str, Any]:
    """The columns of an execution that runs under a lease, which is over where `seconds` is below 0."""
    return {
        "status": ExecutionStatus.RUNNING,
        "lease_holder": holder,
        "lease_epoch": epoch,
        "lease_expires_at": datetime.now(UTC) + timedelta(seconds=seconds),
    }


def inputs(world: World) -> dict[str, dict[str, Any]]:
    """For every mutation an input that changes something."""
    of_execution = {"executionId": world.id("execution")}
    held = {**of_execution, "epoch": EPOCH}
    of_workflow = {"workflowId": world.id("workflow")}
    return {
        "createWorkflow": {"name": "new", "version": "1", "definition": {"steps": [{"key": "a"}]}},
        "updateWorkflow": {**of_workflow, "description": "better"},
        "setWorkflowStatus": {**of_workflow, "status": "ACTIVE"},
        "deleteWorkflow": {"workflowId": world.id("idle")},
        "createExecution": {**of_workflow, "variables": {"n": 1}},
        "transitionExecution": {**of_execution, "to": "PAUSED"},
        "updateExecution": {**of_execution, "tags": ["mine"]},
        "deleteExecution": {"executionId": world.id("ended")},
        "recoverExecution": {**held, "holder": "next"},
        "forkExecution": {"checkpointId": world.checkpoint(1)},
        "claimExecutions": {"holder": HOLDER},
        "acquireLease": {**of_execution, "holder": HOLDER},
        "heartbeat": {**of_execution, "holder": HOLDER},
        "releaseLease": {**of_execution, "holder": HOLDER},
        "startStep": {**held, "key": "b"},
        "finishStep": {"stepId": world.step, "epoch": EPOCH},
        "saveState": {**held, "variablesPatch": {"n": 2}},
        "createCheckpoint": {**held, "label": "mine"},
        "deleteCheckpoint": {"checkpointId": world.checkpoint(1)},
        "pruneCheckpoints": {**of_execution, "keepLast": 1},
        "appendLogs": {**of_execution, "entries": [{"message": "hello"}]},
        "recordMetrics": {**of_execution, "values": {"cpu": 0.5}},
        "commitStep": {
            **held,
            "step": {"key": "a"},
            "state": {"variablesPatch": {"n": 3}},
            "checkpoint": {"label": "done"},
            "logs": [{"message": "hello"}],
        },
        "createRetentionPolicy": {"name": "new", "keepLogs": "P7D"},
        "updateRetentionPolicy": {"policyId": world.id("policy"), "keepLogs": "P7D"},
        "deleteRetentionPolicy": {"policyId": world.id("policy")},
        "applyRetention": {"policyId": world.id("policy")},
        "placeHold": {"subjectId": world.id("execution"), "reason": "a dispute"},
        "releaseHold": {"subjectId": world.id("waiting")},
    }


def other_inputs(world: World) -> dict[str, dict[str, Any]]:
    """For every mutation what makes its input another one."""
    return {
        "createWorkflow": {"version": "2"},
        "updateWorkflow": {"description": "worse"},
        "setWorkflowStatus": {"status": "ARCHIVED"},
        "deleteWorkflow": {"cascade": True},
        "createExecution": {"variables": {"n": 2}},
        "transitionExecution": {"to": "CANCELLED"},
        "updateExecution": {"tags": ["yours"]},
        "deleteExecution": {"executionId": world.id("waiting")},
        "recoverExecution": {"holder": "another"},
        "forkExecution": {"variablesPatch": {"n": 2}},
        "claimExecutions": {"limit": 2},
        "acquireLease": {"ttl": "PT1M"},
        "heartbeat": {"ttl": "PT1M"},
        "releaseLease": {"holder": "another"},
        "startStep": {"key": "c"},
        "finishStep": {"output": 1},
        "saveState": {"variablesPatch": {"n": 3}},
        "createCheckpoint": {"label": "another"},
        "deleteCheckpoint": {"checkpointId": world.checkpoint(2)},
        "pruneCheckpoints": {"keepLast": 0},
        "appendLogs": {"entries": [{"message": "bye"}]},
        "recordMetrics": {"values": {"cpu": 0.6}},
        "commitStep": {"checkpoint": {"label": "another"}},
        "createRetentionPolicy": {"keepLogs": "P8D"},
        "updateRetentionPolicy": {"keepLogs": "P8D"},
        "deleteRetentionPolicy": {"policyId": encode(Kind.POLICY, world.waiting)},
        "applyRetention": {"maxDuration": "PT1S"},
        "placeHold": {"reason": "another dispute"},
        "releaseHold": {"subjectId": world.id("ended")},
    }
