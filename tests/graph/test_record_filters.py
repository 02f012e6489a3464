"""Every filter of the lists inside an execution against a Python predicate over the rows that were made."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from db.enums import LogLevel, StepStatus
from db.queries.sources import END_OF_TIME
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.graph.lists import Listing

Row = dict[str, Any]
Case = tuple[dict[str, Any], Callable[[Row], bool]]

START = datetime.now(UTC).replace(microsecond=0)
KEYS = ["a", "a_b", "aXb", "a%", "A", "é", "éa", "\U0010ffff", "\U0010ffffa", "z\U0010ffff", "z", "zz"]
KEYS += ["\ud7ff", "\ue000", "{", "a\\b"]
MESSAGES = ["100% done", "100 x done", "a_b", "aXb", "back\\slash", "backslash", "ÜBER", "über", "%", "_"]
MESSAGES += ["Error: no", "ERROR", "", "\\%", "naïve", "日本"]


def after(seconds: float) -> datetime:
    """A moment near the start of this run."""
    return START + timedelta(seconds=seconds)


def at(seconds: float) -> str:
    """That moment as an argument."""
    return after(seconds).isoformat()


STEPS: list[Row] = [
    {
        "seq": seq,
        "key": key,
        "type": ["task", "map", "Task"][seq % 3],
        "status": [StepStatus.COMPLETED, StepStatus.PENDING, StepStatus.FAILED][seq % 3],
        "started_at": None if seq % 3 == 1 else after(seq),
        "completed_at": None if seq % 3 == 1 else after(seq + 1),
    }
    for seq, key in enumerate(KEYS, 1)
]
LOGS: list[Row] = [
    {
        "seq": seq,
        "message": message,
        "level": list(LogLevel)[seq % 4],
        "step_seq": [None, 1, 2, 2][seq % 4],
        "logged_at": after(seq),
    }
    for seq, message in enumerate(MESSAGES, 1)
]
CHECKPOINTS: list[Row] = [
    {
        "seq": seq,
        "state_version": 0,
        "step_key": [None, "a", "b"][seq % 3],
        "label": [None, "L", "l"][seq % 3],
    }
    for seq in range(1, 10)
]
EVENTS: list[Row] = [
    {"seq": seq, "type": ["STEP_STARTED", "STATE_SAVED", "LEASE_ACQUIRED"][seq % 3], "at": after(seq)}
    for seq in range(1, 10)
]
POINTS: list[Row] = [{"seq": seq, "name": ["cpu", "CPU", "memory"][seq % 3]} for seq in range(1, 10)]


def listed(field: str, column: str, *values: str, missing: str = "none") -> dict[str, Case]:
    """One choice, several, and one that no row has."""
    return {
        f"{field} one": ({field: [values[0]]}, lambda row: row[column] == values[0]),
        f"{field} some": ({field: [*values, missing]}, lambda row: row[column] in values),
    }


def ranges(field: str, column: str) -> dict[str, Case]:
    """Every bound of a range of time; null counts as later than everything."""

    def of(row: Row) -> datetime:
        moment: datetime = row[column] or END_OF_TIME
        return moment

    return {
        f"{field} gte": ({field: {"gte": at(5)}}, lambda row: of(row) >= after(5)),
        f"{field} gt": ({field: {"gt": at(5)}}, lambda row: of(row) > after(5)),
        f"{field} lte": ({field: {"lte": at(5)}}, lambda row: of(row) <= after(5)),
        f"{field} lt": ({field: {"lt": at(5)}}, lambda row: of(row) < after(5)),
    }


def key_prefix(prefix: str) -> Case:
    """Keys that begin so."""
    return {"keyStartsWith": prefix}, lambda row: row["key"].startswith(prefix)


def text(part: str) -> Case:
    """Messages that contain this, in upper or lower case."""
    return {"text": part}, lambda row: part.lower() in row["message"].lower()


def level(least: LogLevel) -> Case:
    """Entries of this severity or above."""
    return {"minLevel": least.name}, lambda row: row["level"] >= least


PREFIXES = ["a", "A", "a_", "a%", "a\\", "é", "z", "zz", "z\U0010ffff", "\U0010ffff", "\U0010ffff" * 2]
PREFIXES += ["\ud7ff", "\ue000", "no"]
PARTS = ["100%", "%", "_", "a_b", "\\", "\\%", "error", "ÜBER", "über", "ï", "日", "done", "nothing", " "]
CASES: dict[str, tuple[Kind, str, str, dict[str, Case]]] = {
    "steps": (
        Kind.STEP,
        "Step",
        "",
        {
            **{f"keyStartsWith {prefix!a}": key_prefix(prefix) for prefix in PREFIXES},
            **listed("key", "key", "a_b", "é", "\U0010ffff"),
            **listed("type", "type", "task", "map"),
            "status one": ({"status": ["PENDING"]}, lambda row: row["status"] == "PENDING"),
            "status some": (
                {"status": ["FAILED", "COMPLETED"]},
                lambda row: row["status"] in ("FAILED", "COMPLETED"),
            ),
            **ranges("startedAt", "started_at"),
            "together": (
                {"type": ["task"], "keyStartsWith": "a"},
                lambda row: row["type"] == "task" and row["key"].startswith("a"),
            ),
        },
    ),
    "logs": (
        Kind.LOG_ENTRY,
        "Log",
        "",
        {
            **{f"minLevel {least.name}": level(least) for least in LogLevel},
            **{f"text {part!a}": text(part) for part in PARTS},
            "stepKey": ({"stepKey": "a_b"}, lambda row: row["step_seq"] == 2),
            "stepKey none": ({"stepKey": "no such"}, lambda row: False),
            **ranges("loggedAt", "logged_at"),
            "seq gte": ({"seq": {"gte": 5}}, lambda row: row["seq"] >= 5),
            "seq lte": ({"seq": {"lte": 5}}, lambda row: row["seq"] <= 5),
            "seq around": ({"seq": {"gte": 4, "lte": 6}}, lambda row: 4 <= row["seq"] <= 6),
            "together": (
                {"minLevel": "WARN", "stepKey": "a_b", "text": "a"},
                lambda row: row["level"] >= 30 and row["step_seq"] == 2 and "a" in row["message"].lower(),
            ),
        },
    ),
    "checkpoints": (
        Kind.CHECKPOINT,
        "Checkpoint",
        "",
        {**listed("stepKey", "step_key", "a", "b"), **listed("label", "label", "L", "l")},
    ),
    "events": (
        Kind.EVENT,
        "Event",
        "",
        {
            **listed("type", "type", "LEASE_ACQUIRED", "STATE_SAVED", missing="LOGS_IMPORTED"),
            **ranges("at", "at"),
        },
    ),
    "points": (Kind.METRIC_POINT, "Metric", "metrics", listed("name", "name", "cpu", "memory")),
}
ROWS = {"steps": STEPS, "logs": LOGS, "checkpoints": CHECKPOINTS, "events": EVENTS, "points": POINTS}


async def filled(make: Factory, field: str) -> UUID:
    """An execution with all the steps and all rows of one list, beside another one that has the same."""
    executions = await make.executions(2)
    for execution in executions:
        await make.records(execution, **{"steps": STEPS, field: ROWS[field]})
    return executions[0]


@pytest.mark.parametrize(
    ("field", "name"), [(field, name) for field, (_, _, _, cases) in CASES.items() for name in cases]
)
async def test_a_filter_leaves_the_rows_that_it_describes(
    client: Client, make: Factory, field: str, name: str
) -> None:
    kind, noun, inside, cases = CASES[field]
    narrowed, predicate = cases[name]
    execution = await filled(make, field)
    listing = Listing(field, noun, encode(Kind.EXECUTION, execution), inside=inside)
    found = await listing.ids(client, filter=narrowed)
    assert found == [encode(kind, execution, row["seq"]) for row in ROWS[field] if predicate(row)]


@pytest.mark.parametrize("name", CASES["logs"][3])
async def test_the_logs_of_a_step_are_narrowed_alike(client: Client, make: Factory, name: str) -> None:
    narrowed, predicate = CASES["logs"][3][name]
    execution = await filled(make, "logs")
    listing = Listing("logs", "Log", encode(Kind.STEP, execution, 2), "Step")
    found = await listing.ids(client, filter=narrowed)
    own = [row for row in LOGS if row["step_seq"] == 2 and predicate(row)]
    assert found == [encode(Kind.LOG_ENTRY, execution, row["seq"]) for row in own]


async def test_a_range_of_no_numbers_is_refused(client: Client, make: Factory) -> None:
    execution = encode(Kind.EXECUTION, await make.execution())
    document = (
        "query ($id: ID!) { execution(id: $id) { logs(filter: {seq: {gte: 2, lte: 1}}) { nodes { id } } } }"
    )
    assert await client.refused(document, id=execution) == (
        "BAD_USER_INPUT",
        "No number lies in this range: `gte` 2 is greater than `lte` 1.",
    )
