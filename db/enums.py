"""The closed vocabularies of the domain, each word with its meaning.

All else derives from them: the tables' CHECKs accept exactly these values, the API's enums show them with
their meanings, and what is counted by status or asked of all that has ended goes through the words.
"""

from collections.abc import Iterable
from enum import Enum, IntEnum, StrEnum
from typing import Self


class Ending(Enum):
    """How something ended; a share of successes counts what ended well or badly, and nothing else."""

    WELL = "WELL"
    BADLY = "BADLY"
    NEITHER = "NEITHER"


class Word(StrEnum):
    """A word of a vocabulary: its value, what it means and, of a status that is terminal, the ending."""

    meaning: str
    ending: Ending | None

    def __new__(cls, value: str, meaning: str = "", ending: Ending | None = None) -> Self:
        """The word, which is its value as text."""
        word = str.__new__(cls, value)
        word._value_ = value
        word.meaning = meaning
        word.ending = ending
        return word


class Level(IntEnum):
    """A word that is a number, so that a minimum is a comparison."""

    meaning: str

    def __new__(cls, value: int, meaning: str = "") -> Self:
        """The word, which is its value as a number."""
        word = int.__new__(cls, value)
        word._value_ = value
        word.meaning = meaning
        return word


def quoted(words: Iterable[str]) -> str:
    """SQL: the words in brackets, as `IN` takes them."""
    return f"({', '.join(repr(str(word)) for word in words)})"


class WorkflowStatus(Word):
    """Where a workflow version stands in its life."""

    DRAFT = "DRAFT", "Being written: the definition may still change, and nothing runs."
    ACTIVE = "ACTIVE", "In use: executions may be created."
    INACTIVE = "INACTIVE", "Switched off for now."
    DEPRECATED = "DEPRECATED", "Still runs, but should not be chosen any more."
    ARCHIVED = "ARCHIVED", "Kept for its history only."


class ExecutionStatus(Word):
    """Where an execution stands; the last four are terminal."""

    PENDING = "PENDING", "Waits for an engine to claim it."
    RUNNING = "RUNNING", "An engine works on it."
    PAUSED = "PAUSED", "Stopped by hand or by its engine; can be resumed."
    COMPLETED = "COMPLETED", "Ended well.", Ending.WELL
    FAILED = "FAILED", "Ended with an error.", Ending.BADLY
    CANCELLED = "CANCELLED", "Ended by request.", Ending.NEITHER
    TIMED_OUT = "TIMED_OUT", "Ended because it took too long.", Ending.BADLY


class StepStatus(Word):
    """Where one attempt at a step stands; the last five are terminal."""

    PENDING = "PENDING", "Known, but not started."
    RUNNING = "RUNNING", "Being worked on."
    RETRYING = "RETRYING", "Failed, and will be tried again."
    COMPLETED = "COMPLETED", "Ended well.", Ending.WELL
    FAILED = "FAILED", "Ended with an error.", Ending.BADLY
    SKIPPED = "SKIPPED", "Left out, because it was not needed.", Ending.NEITHER
    CANCELLED = "CANCELLED", "Ended by request.", Ending.NEITHER
    TIMED_OUT = "TIMED_OUT", "Ended because it took too long.", Ending.BADLY


class TriggerType(Word):
    """What set an execution off."""

    MANUAL = "MANUAL", "A person."
    SCHEDULE = "SCHEDULE", "A timetable."
    EVENT = "EVENT", "Something that happened."
    WEBHOOK = "WEBHOOK", "A call from another system."
    API = "API", "A program."


class Priority(Word):
    """How urgent a workflow is, the least urgent first."""

    LOW = "LOW", "Can wait."
    NORMAL = "NORMAL", "The usual."
    HIGH = "HIGH", "Before others."
    CRITICAL = "CRITICAL", "Before everything."


class Environment(Word):
    """Which environment a workflow belongs to."""

    DEVELOPMENT = "DEVELOPMENT", "Where it is made."
    STAGING = "STAGING", "Where it is tried."
    PRODUCTION = "PRODUCTION", "Where it counts."


class LogLevel(Level):
    """Severity of a log entry; ordered, so that a minimum is a comparison."""

    DEBUG = 10, "Details for developers."
    INFO = 20, "What happened."
    WARN = 30, "What may need attention."
    ERROR = 40, "What went wrong."


class StateOp(Word):
    """What one row of a state variable does to the value before it."""

    SET = "SET", "Gave it a value."
    APPEND = "APPEND", "Appended items to its list."
    DELETE = "DELETE", "Took it away."


class Scope(Word):
    """What a caller may do; ADMIN may do everything, READ and WRITE are independent of each other."""

    READ = "READ", "Reading."
    WRITE = "WRITE", "Writing; READ is not included."
    ADMIN = "ADMIN", "Everything, tokens among it."


class RunStatus(Word):
    """Where one application of retention policies stands."""

    RUNNING = "RUNNING", "Under way, or to be gone on with."
    COMPLETED = "COMPLETED", "Everything that was due is gone."
    INTERRUPTED = "INTERRUPTED", "Stopped, since a policy was changed or deleted."


class Subject(Word):
    """What can be put on hold."""

    EXECUTION = "EXECUTION", "An execution."
    WORKFLOW = "WORKFLOW", "A workflow version, with all its executions."


class EventType(Word):
    """What an event of an execution's history says happened."""

    EXECUTION_CREATED = "EXECUTION_CREATED", "It was created."
    EXECUTION_IMPORTED = "EXECUTION_IMPORTED", "It was imported with its steps."
    EXECUTION_FORKED = "EXECUTION_FORKED", "It was started from a checkpoint of another one."
    EXECUTION_RECOVERED = "EXECUTION_RECOVERED", "It was brought back to a checkpoint."
    EXECUTION_UPDATED = "EXECUTION_UPDATED", "Its tags or attributes changed."
    STATUS_CHANGED = "STATUS_CHANGED", "It went to another status."
    LEASE_ACQUIRED = "LEASE_ACQUIRED", "An engine took its lease."
    LEASE_EXTENDED = "LEASE_EXTENDED", "Its engine extended the lease."
    LEASE_RELEASED = "LEASE_RELEASED", "Its engine gave the lease up."
    STEP_STARTED = "STEP_STARTED", "An attempt at a step was recorded or started."
    STEP_CHANGED = "STEP_CHANGED", "An attempt at a step went to another status."
    STATE_SAVED = "STATE_SAVED", "Its state was saved."
    CHECKPOINT_CREATED = "CHECKPOINT_CREATED", "A checkpoint was taken."
    CHECKPOINTS_DELETED = "CHECKPOINTS_DELETED", "Checkpoints were deleted."
    LOGS_APPENDED = "LOGS_APPENDED", "Log entries were appended."
    LOGS_IMPORTED = "LOGS_IMPORTED", "Log entries were imported."
    METRICS_RECORDED = "METRICS_RECORDED", "Numbers were recorded."
    NOTHING_CHANGED = "NOTHING_CHANGED", "A write found everything as it wanted it."
    EXECUTION_DELETED = (
        "EXECUTION_DELETED",
        "It was deleted, with its history; only told by `executionChanges`.",
    )


class StuckCode(Word):
    """Why an execution is stalled."""

    NOT_STUCK = "NOT_STUCK", "It makes progress, or is over."
    PENDING_UNCLAIMED = "PENDING_UNCLAIMED", "No engine has claimed it."
    PAUSED = "PAUSED", "It was paused, and nobody has resumed it."
    LEASE_EXPIRED = "LEASE_EXPIRED", "The lease of its engine is over."
    LEASE_RELEASED = "LEASE_RELEASED", "It runs, but its engine gave the lease up."
    NO_HEARTBEAT = "NO_HEARTBEAT", "Its engine has missed a heartbeat, or gives no sign of life."
    STEP_SLOW = "STEP_SLOW", "A step takes longer than it did in 95 of 100 executions."
    STEP_RETRYING = "STEP_RETRYING", "A step failed and waits for its next attempt."


class ReplicationRole(Word):
    """What a server is in a replication."""

    PRIMARY = "PRIMARY", "It takes writes."
    REPLICA = "REPLICA", "It follows a primary, and takes none."


class ReplicaState(Word):
    """What a replica is good for."""

    IN_USE = "IN_USE", "Queries are read from it."
    BEHIND = "BEHIND", "It is further behind the primary than it may be: queries are read from the primary."
    UNREACHABLE = "UNREACHABLE", "It does not answer: queries are read from the primary."
    REFUSED = (
        "REFUSED",
        "It is no standby of the primary, as after its promotion: queries are read from the primary.",
    )


class PartitionSpan(StrEnum):
    """How much time one partition covers."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


LIVE_EXECUTION = tuple(status for status in ExecutionStatus if not status.ending)
TERMINAL_EXECUTION = tuple(status for status in ExecutionStatus if status.ending)
TERMINAL_STEP = tuple(status for status in StepStatus if status.ending)
