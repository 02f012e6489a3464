"""The domain's vocabularies and the orders of lists as GraphQL enums, every value described."""

from enum import Enum

import strawberry

from db.enums import (
    Environment,
    EventType,
    ExecutionStatus,
    LogLevel,
    Priority,
    RunStatus,
    Scope,
    StateOp,
    StepStatus,
    StuckCode,
    Subject,
    TriggerType,
    WorkflowStatus,
)

__all__ = [
    "AuditOrderField",
    "Direction",
    "Environment",
    "EventType",
    "ExecutionOrderField",
    "ExecutionStatsGroup",
    "ExecutionStatus",
    "FeedStart",
    "HoldOrderField",
    "LogLevel",
    "LogOrderField",
    "PolicyOrderField",
    "Priority",
    "RunOrderField",
    "RunStatus",
    "Scope",
    "SeqOrderField",
    "StateOp",
    "StepOrderField",
    "StepStatsOrder",
    "StepStatus",
    "StuckCode",
    "Subject",
    "TokenOrderField",
    "TriggerType",
    "VersionOrderField",
    "WorkflowOrderField",
    "WorkflowStatus",
]


def described(cls: type[Enum], name: str | None = None, **meanings: str) -> None:
    """Make `cls` a GraphQL enum, described by its docstring and by the meaning of each value."""
    strawberry.enum(cls, name=name, description=cls.__doc__)
    for value in cls.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = meanings[value.name]


described(
    WorkflowStatus,
    DRAFT="Being written: the definition may still change, and nothing runs.",
    ACTIVE="In use: executions may be created.",
    INACTIVE="Switched off for now.",
    DEPRECATED="Still runs, but should not be chosen any more.",
    ARCHIVED="Kept for its history only.",
)
described(
    ExecutionStatus,
    PENDING="Waits for an engine to claim it.",
    RUNNING="An engine works on it.",
    PAUSED="Stopped by hand or by its engine; can be resumed.",
    COMPLETED="Ended well.",
    FAILED="Ended with an error.",
    CANCELLED="Ended by request.",
    TIMED_OUT="Ended because it took too long.",
)
described(
    StepStatus,
    PENDING="Known, but not started.",
    RUNNING="Being worked on.",
    RETRYING="Failed, and will be tried again.",
    COMPLETED="Ended well.",
    FAILED="Ended with an error.",
    SKIPPED="Left out, because it was not needed.",
    CANCELLED="Ended by request.",
    TIMED_OUT="Ended because it took too long.",
)
described(
    TriggerType,
    MANUAL="A person.",
    SCHEDULE="A timetable.",
    EVENT="Something that happened.",
    WEBHOOK="A call from another system.",
    API="A program.",
)
described(
    Priority,
    LOW="Can wait.",
    NORMAL="The usual.",
    HIGH="Before others.",
    CRITICAL="Before everything.",
)
described(
    Environment,
    DEVELOPMENT="Where it is made.",
    STAGING="Where it is tried.",
    PRODUCTION="Where it counts.",
)
described(
    LogLevel,
    DEBUG="Details for developers.",
    INFO="What happened.",
    WARN="What may need attention.",
    ERROR="What went wrong.",
)


described(
    StateOp,
    SET="Gave it a value.",
    APPEND="Appended items to its list.",
    DELETE="Took it away.",
)


described(
    EventType,
    EXECUTION_CREATED="It was created.",
    EXECUTION_IMPORTED="It was imported with its steps.",
    EXECUTION_FORKED="It was started from a checkpoint of another one.",
    EXECUTION_RECOVERED="It was brought back to a checkpoint.",
    EXECUTION_UPDATED="Its tags or attributes changed.",
    STATUS_CHANGED="It went to another status.",
    LEASE_ACQUIRED="An engine took its lease.",
    LEASE_EXTENDED="Its engine extended the lease.",
    LEASE_RELEASED="Its engine gave the lease up.",
    STEP_STARTED="An attempt at a step was recorded or started.",
    STEP_CHANGED="An attempt at a step went to another status.",
    STATE_SAVED="Its state was saved.",
    CHECKPOINT_CREATED="A checkpoint was taken.",
    CHECKPOINTS_DELETED="Checkpoints were deleted.",
    LOGS_APPENDED="Log entries were appended.",
    LOGS_IMPORTED="Log entries were imported.",
    METRICS_RECORDED="Numbers were recorded.",
    NOTHING_CHANGED="A write found everything as it wanted it.",
    EXECUTION_DELETED="It was deleted with all its history; only told by `executionChanges`.",
)
described(
    Scope,
    READ="Reading.",
    WRITE="Writing; READ is not included.",
    ADMIN="Everything, tokens among it.",
)


described(
    RunStatus,
    RUNNING="Under way, or to be gone on with.",
    COMPLETED="Everything that was due is gone.",
    INTERRUPTED="Stopped, since a policy was changed or deleted.",
)


described(
    Subject,
    name="HoldSubject",
    EXECUTION="An execution.",
    WORKFLOW="A workflow version, with all its executions.",
)


class FeedStart(Enum):
    """Where a feed starts."""

    BEGINNING = "BEGINNING"
    NOW = "NOW"


class Direction(Enum):
    """Which way a list runs."""

    ASC = "ASC"
    DESC = "DESC"


class WorkflowOrderField(Enum):
    """What workflows can be ordered by."""

    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"
    NAME = "NAME"


class ExecutionOrderField(Enum):
    """What executions can be ordered by."""

    CREATED_AT = "CREATED_AT"
    STARTED_AT = "STARTED_AT"
    COMPLETED_AT = "COMPLETED_AT"
    DURATION = "DURATION"


class StepOrderField(Enum):
    """What steps can be ordered by."""

    SEQ = "SEQ"
    KEY = "KEY"
    STARTED_AT = "STARTED_AT"


class LogOrderField(Enum):
    """What log entries can be ordered by."""

    SEQ = "SEQ"
    LOGGED_AT = "LOGGED_AT"


class SeqOrderField(Enum):
    """What records with nothing but a sequence number can be ordered by."""

    SEQ = "SEQ"


class VersionOrderField(Enum):
    """What the versions of a variable can be ordered by."""

    VERSION = "VERSION"


class AuditOrderField(Enum):
    """What audit entries can be ordered by."""

    AT = "AT"


class TokenOrderField(Enum):
    """What tokens can be ordered by."""

    CREATED_AT = "CREATED_AT"
    NAME = "NAME"


class PolicyOrderField(Enum):
    """What retention policies can be ordered by."""

    CREATED_AT = "CREATED_AT"
    NAME = "NAME"


class RunOrderField(Enum):
    """What runs of retention can be ordered by."""

    STARTED_AT = "STARTED_AT"


class HoldOrderField(Enum):
    """What holds can be ordered by."""

    PLACED_AT = "PLACED_AT"


described(VersionOrderField, VERSION="The state's version.")
described(AuditOrderField, AT="When it happened.")
described(FeedStart, BEGINNING="With everything that is there.", NOW="With what comes from now on.")
described(Direction, ASC="Least, oldest or first first.", DESC="Greatest, newest or last first.")
_CREATED = "When the row was created; the cheapest order."
_STARTED = "When it started; what has not started yet counts as later than everything."
_SEQ = "The order in which they were recorded."
described(
    WorkflowOrderField, CREATED_AT=_CREATED, UPDATED_AT="When its metadata last changed.", NAME="Its name."
)
described(TokenOrderField, CREATED_AT=_CREATED, NAME="Its name.")
described(PolicyOrderField, CREATED_AT=_CREATED, NAME="Its name.")
described(HoldOrderField, PLACED_AT="When it was placed.")
described(RunOrderField, STARTED_AT="When it started.")
described(
    ExecutionOrderField,
    CREATED_AT=_CREATED,
    STARTED_AT=_STARTED,
    COMPLETED_AT="When it ended; what has not ended yet counts as later than everything.",
    DURATION="How long it took from its start to its end; what has not ended, or never started, counts as "
    "shorter than everything: descending, the longest of those that ended come first.",
)
described(StepOrderField, SEQ=_SEQ, KEY="The step's key, then its attempt.", STARTED_AT=_STARTED)
described(LogOrderField, SEQ=_SEQ, LOGGED_AT="The client's time stamp.")
described(SeqOrderField, SEQ=_SEQ)


class ExecutionStatsGroup(Enum):
    """What executions can have in common that are counted together."""

    WORKFLOW = "WORKFLOW"
    VERSION = "VERSION"
    STATUS = "STATUS"
    TRIGGER = "TRIGGER"
    ENVIRONMENT = "ENVIRONMENT"
    TAG = "TAG"
    DAY = "DAY"
    HOUR = "HOUR"


class StepStatsOrder(Enum):
    """Which steps come first."""

    SLOWEST = "SLOWEST"
    FLAKIEST = "FLAKIEST"
    MOST_RETRIED = "MOST_RETRIED"
    MOST_TIME = "MOST_TIME"
    MOST_ATTEMPTS = "MOST_ATTEMPTS"


described(
    ExecutionStatsGroup,
    WORKFLOW="The workflow's name, whatever the version.",
    VERSION="The workflow version.",
    STATUS="The status.",
    TRIGGER="What set them off.",
    ENVIRONMENT="The environment of the workflow version.",
    TAG="A tag: those with several are in several groups, those without in none.",
    DAY="The day in UTC on which they were created.",
    HOUR="The hour in UTC in which they were created.",
)
described(
    StepStatsOrder,
    SLOWEST="The longest 95th percentile of the duration.",
    FLAKIEST="The greatest share of failures.",
    MOST_RETRIED="The most retries.",
    MOST_TIME="The most time spent, over all attempts.",
    MOST_ATTEMPTS="The most attempts.",
)
described(
    StuckCode,
    NOT_STUCK="It gets on, or is over.",
    PENDING_UNCLAIMED="No engine has claimed it.",
    PAUSED="It was paused, and nobody has resumed it.",
    LEASE_EXPIRED="The lease of its engine is over.",
    LEASE_RELEASED="It runs, but its engine gave the lease up.",
    NO_HEARTBEAT="Its engine has missed a heartbeat, or gives no sign of life.",
    STEP_SLOW="A step takes longer than it did in 95 of 100 executions.",
    STEP_RETRYING="A step failed and waits for its next attempt.",
)
