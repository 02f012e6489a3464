"""The closed vocabularies of the domain; the tables' CHECKs accept exactly these values."""

from enum import IntEnum, StrEnum


class WorkflowStatus(StrEnum):
    """Where a workflow version stands in its life."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    DEPRECATED = "DEPRECATED"
    ARCHIVED = "ARCHIVED"


class ExecutionStatus(StrEnum):
    """Where an execution stands; the last four are terminal."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


class StepStatus(StrEnum):
    """Where one attempt at a step stands; the last five are terminal."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


class TriggerType(StrEnum):
    """What set an execution off."""

    MANUAL = "MANUAL"
    SCHEDULE = "SCHEDULE"
    EVENT = "EVENT"
    WEBHOOK = "WEBHOOK"
    API = "API"


class Priority(StrEnum):
    """How urgent a workflow is."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Environment(StrEnum):
    """Which environment a workflow belongs to."""

    DEVELOPMENT = "DEVELOPMENT"
    STAGING = "STAGING"
    PRODUCTION = "PRODUCTION"


class LogLevel(IntEnum):
    """Severity of a log entry; ordered, so that a minimum is a comparison."""

    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40


class StateOp(StrEnum):
    """What one row of a state variable does to the value before it."""

    SET = "SET"
    APPEND = "APPEND"
    DELETE = "DELETE"


class Scope(StrEnum):
    """What a caller may do; ADMIN may do everything, READ and WRITE are independent of each other."""

    READ = "READ"
    WRITE = "WRITE"
    ADMIN = "ADMIN"


class RunStatus(StrEnum):
    """Where one application of retention policies stands."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    INTERRUPTED = "INTERRUPTED"


class Subject(StrEnum):
    """What can be put on hold."""

    EXECUTION = "EXECUTION"
    WORKFLOW = "WORKFLOW"


TERMINAL_EXECUTION = (
    ExecutionStatus.COMPLETED,
    ExecutionStatus.FAILED,
    ExecutionStatus.CANCELLED,
    ExecutionStatus.TIMED_OUT,
)
TERMINAL_STEP = (
    StepStatus.COMPLETED,
    StepStatus.FAILED,
    StepStatus.SKIPPED,
    StepStatus.CANCELLED,
    StepStatus.TIMED_OUT,
)


class EventType(StrEnum):
    """What an event of an execution's history says happened."""

    EXECUTION_CREATED = "EXECUTION_CREATED"
    EXECUTION_IMPORTED = "EXECUTION_IMPORTED"
    EXECUTION_FORKED = "EXECUTION_FORKED"
    EXECUTION_RECOVERED = "EXECUTION_RECOVERED"
    EXECUTION_UPDATED = "EXECUTION_UPDATED"
    STATUS_CHANGED = "STATUS_CHANGED"
    LEASE_ACQUIRED = "LEASE_ACQUIRED"
    LEASE_EXTENDED = "LEASE_EXTENDED"
    LEASE_RELEASED = "LEASE_RELEASED"
    STEP_STARTED = "STEP_STARTED"
    STEP_CHANGED = "STEP_CHANGED"
    STATE_SAVED = "STATE_SAVED"
    CHECKPOINT_CREATED = "CHECKPOINT_CREATED"
    CHECKPOINTS_DELETED = "CHECKPOINTS_DELETED"
    LOGS_APPENDED = "LOGS_APPENDED"
    LOGS_IMPORTED = "LOGS_IMPORTED"
    METRICS_RECORDED = "METRICS_RECORDED"
    NOTHING_CHANGED = "NOTHING_CHANGED"
    EXECUTION_DELETED = "EXECUTION_DELETED"


class StuckCode(StrEnum):
    """Why an execution does not get on."""

    NOT_STUCK = "NOT_STUCK"
    PENDING_UNCLAIMED = "PENDING_UNCLAIMED"
    PAUSED = "PAUSED"
    LEASE_EXPIRED = "LEASE_EXPIRED"
    LEASE_RELEASED = "LEASE_RELEASED"
    NO_HEARTBEAT = "NO_HEARTBEAT"
    STEP_SLOW = "STEP_SLOW"
    STEP_RETRYING = "STEP_RETRYING"


class PartitionSpan(StrEnum):
    """How much time one partition covers."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
