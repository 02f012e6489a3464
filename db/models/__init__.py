"""The tables, one aggregate a file: columns, constraints and indexes; no behaviour."""

from db.models.base import Base
from db.models.executions import Execution
from db.models.records import AuditEntry, DeletedExecution, Event, IdempotencyKey, LogEntry, MetricPoint
from db.models.retention import Hold, RetentionPolicy, RetentionRun
from db.models.states import Checkpoint, State, StateEntry
from db.models.steps import Step
from db.models.tokens import Token
from db.models.workflows import Workflow

__all__ = [
    "AuditEntry",
    "Base",
    "Checkpoint",
    "DeletedExecution",
    "Event",
    "Execution",
    "Hold",
    "IdempotencyKey",
    "LogEntry",
    "MetricPoint",
    "RetentionPolicy",
    "RetentionRun",
    "State",
    "StateEntry",
    "Step",
    "Token",
    "Workflow",
]
