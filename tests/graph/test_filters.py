"""Every filter of workflows and executions against a Python predicate over the rows that were made."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.enums import Environment, ExecutionStatus, Priority, TriggerType, WorkflowStatus
from db.ids import uuid7, uuid7_time
from db.queries.sources import END_OF_TIME
from graph.ids import Kind, encode
from tests.client import Client
from tests.factories import Factory
from tests.graph.lists import Listing

Row = dict[str, Any]
Case = tuple[dict[str, Any], Callable[[Row], bool]]

START = datetime.now(UTC).replace(microsecond=0)
STATUSES = list(ExecutionStatus)
TEXTS = ["etl", "etl_nightly", "etl%", "Etl", "étl", "zebra\U0010ffff", "zebra", "zebrb"]
ATTRIBUTES: list[Any] = [
    {},
    {"region": "eu"},
    {"region": "us", "n": 1},
    {"region": "eu", "deep": {"er": [1, {"x": None}]}},
    {"n": 1.0, "deep": {"er": []}},
    {"n": "1"},
]


def after(seconds: float) -> datetime:
    """A moment near the start of this run."""
    return START + timedelta(seconds=seconds)


def text(seconds: float) -> str:
    """That moment as an argument."""
    return after(seconds).isoformat()


WORKFLOWS: list[Row] = [
    {
        "id": uuid7(after(n)),
        "name": name,
        "status": list(WorkflowStatus)[n % 5],
        "category": [None, "a", "b"][n % 3],
        "priority": list(Priority)[n % 4],
        "environment": list(Environment)[n % 3],
        "tags": [["x"], ["x", "y"], ["Y"], []][n % 4],
        "created_at": after(n),
        "updated_at": after(n) + timedelta(days=n % 3, microseconds=n % 2),
    }
    for n, name in enumerate(TEXTS)
]


def execution(n: int) -> Row:
    """The n-th execution; the seventh runs of everything differ from the others."""
    key, status = uuid7(after(n / 2)), STATUSES[n % 7]
    started = None if status == "PENDING" else after(n % 4)
    ended = status in ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")
    return {
        "id": key,
        "workflow_id": WORKFLOWS[n % len(WORKFLOWS)]["id"],
        "status": status,
        "trigger_type": list(TriggerType)[n % 5],
        "correlation_id": [None, "order-1", "order-2", "ORDER-1"][n % 4],
        "parent_id": None if n < 3 else PARENTS[n % 3],
        "error": {"message": "broke"} if status in ("FAILED", "TIMED_OUT") else None,
        "tags": [["x"], ["x", "y"], ["Y"], []][n % 4],
        "attributes": ATTRIBUTES[n % len(ATTRIBUTES)],
        "created_at": uuid7_time(key),
        "started_at": started,
        "completed_at": after(5 + n % 3) if ended else None,
    }


PARENTS: list[Any] = []
EXECUTIONS: list[Row] = []
for number in range(14):
    EXECUTIONS.append(execution(number))
    PARENTS.append(EXECUTIONS[-1]["id"])


def moment(column: str) -> Callable[[Row], datetime]:
    """A column where null counts as later than everything."""
    return lambda row: row[column] or END_OF_TIME


def contains(value: Any, part: Any) -> bool:
    """PostgreSQL's `@>` on JSON."""
    if isinstance(part, dict):
        return isinstance(value, dict) and all(k in value and contains(value[k], v) for k, v in part.items())
    if isinstance(part, list):
        return isinstance(value, list) and all(any(contains(v, p) for v in value) for p in part)
    return isinstance(value, str) == isinstance(part, str) and bool(value == part)


def attributes(*parts: dict[str, Any]) -> dict[str, Case]:
    """What attributes can be asked to contain."""
    return {f"attributes {part}": _containing(part) for part in parts}


def _containing(part: dict[str, Any]) -> Case:
    return {"attributes": part}, lambda row: contains(row["attributes"], part)


def ranges(field: str, column: str) -> dict[str, Case]:
    """Every bound of a range of time, and two together."""
    at = moment(column)
    return {
        f"{field} gte": ({field: {"gte": text(2)}}, lambda row: at(row) >= after(2)),
        f"{field} gt": ({field: {"gt": text(2)}}, lambda row: at(row) > after(2)),
        f"{field} lte": ({field: {"lte": text(2)}}, lambda row: at(row) <= after(2)),
        f"{field} lt": ({field: {"lt": text(2)}}, lambda row: at(row) < after(2)),
        f"{field} between": (
            {field: {"gt": text(1), "lte": text(3)}},
            lambda row: after(1) < at(row) <= after(3),
        ),
        f"{field} at": ({field: {"gte": text(2), "lte": text(2)}}, lambda row: at(row) == after(2)),
    }


def is_exactly(field: str, of: Callable[[Row], str], value: str) -> Case:
    """A whole name."""
    return {field: {"eq": value}}, lambda row: of(row) == value


def starts_with(field: str, of: Callable[[Row], str], prefix: str) -> Case:
    """The beginning of a name."""
    return {field: {"startsWith": prefix}}, lambda row: of(row).startswith(prefix)


def names(field: str, of: Callable[[Row], str]) -> dict[str, Case]:
    """Whole names, and prefixes that a pattern would take for more."""
    prefixes = ("e", "etl", "etl_", "etl%", "é", "z", "zebra", "zebra\U0010ffff", "\U0010ffff")
    return {
        **{f"{field} {value!a}": is_exactly(field, of, value) for value in ("etl", "Etl", "étl", "x")},
        **{f"{field} starts with {prefix!a}": starts_with(field, of, prefix) for prefix in prefixes},
    }


def listed(field: str, *values: Any) -> dict[str, Case]:
    """One choice, and several."""
    return {
        f"{field} one": ({field: [values[0]]}, lambda row: row[column(field)] == values[0]),
        f"{field} some": ({field: list(values)}, lambda row: row[column(field)] in values),
    }


def column(field: str) -> str:
    """snake_case."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)


TAGS: dict[str, Case] = {
    "tags all": ({"tags": {"all": ["x", "y"]}}, lambda row: {"x", "y"} <= set(row["tags"])),
    "tags any": ({"tags": {"any": ["y", "Y"]}}, lambda row: bool({"y", "Y"} & set(row["tags"]))),
    "tags both": ({"tags": {"all": ["x"], "any": ["y", "z"]}}, lambda row: {"x", "y"} <= set(row["tags"])),
}
OF_WORKFLOWS: dict[str, Case] = {
    **names("name", lambda row: str(row["name"])),
    **listed("status", "ACTIVE", "ARCHIVED"),
    **listed("category", "a", "b"),
    **listed("priority", "LOW", "CRITICAL"),
    **listed("environment", "STAGING", "PRODUCTION"),
    **TAGS,
    **ranges("createdAt", "created_at"),
    **ranges("updatedAt", "updated_at"),
    "together": (
        {"status": ["DRAFT", "ACTIVE"], "tags": {"any": ["x"]}, "name": {"startsWith": "etl"}},
        lambda row: (
            row["status"] in ("DRAFT", "ACTIVE") and "x" in row["tags"] and row["name"].startswith("etl")
        ),
    ),
    "nulls": ({"name": None, "status": None, "category": ["a"]}, lambda row: row["category"] == "a"),
}
NAMES = {row["id"]: row["name"] for row in WORKFLOWS}
OF_EXECUTIONS: dict[str, Case] = {
    "workflowId": (
        {"workflowId": encode(Kind.WORKFLOW, WORKFLOWS[1]["id"])},
        lambda row: row["workflow_id"] == WORKFLOWS[1]["id"],
    ),
    **names("workflowName", lambda row: NAMES[row["workflow_id"]]),
    **listed("status", "RUNNING", "FAILED"),
    **listed("triggerType", "API", "SCHEDULE"),
    "correlationId": ({"correlationId": "order-1"}, lambda row: row["correlation_id"] == "order-1"),
    "parentId": (
        {"parentId": encode(Kind.EXECUTION, PARENTS[1])},
        lambda row: row["parent_id"] == PARENTS[1],
    ),
    "hasError": ({"hasError": True}, lambda row: row["error"] is not None),
    "hasError not": ({"hasError": False}, lambda row: row["error"] is None),
    **TAGS,
    **attributes({"region": "eu"}, {"n": 1}, {"deep": {}}, {"deep": {"er": [1]}}, {"n": "1"}, {"no": 1}),
    **ranges("createdAt", "created_at"),
    **ranges("startedAt", "started_at"),
    **ranges("completedAt", "completed_at"),
    "two lower bounds": (
        {"startedAt": {"gte": text(2), "gt": text(1), "lte": text(2)}},
        lambda row: row["started_at"] == after(2),
    ),
    "together": (
        {"status": ["FAILED", "RUNNING"], "attributes": {"region": "eu"}},
        lambda row: row["status"] in ("FAILED", "RUNNING") and row["attributes"].get("region") == "eu",
    ),
}


@pytest.mark.parametrize("name", OF_WORKFLOWS)
async def test_a_filter_leaves_the_workflows_that_it_describes(
    client: Client, make: Factory, name: str
) -> None:
    narrowed, predicate = OF_WORKFLOWS[name]
    await make.workflows(WORKFLOWS)
    found = await Listing("workflows", "Workflow").ids(client, filter=narrowed)
    assert set(found) == {encode(Kind.WORKFLOW, row["id"]) for row in WORKFLOWS if predicate(row)}


@pytest.mark.parametrize("name", OF_EXECUTIONS)
async def test_a_filter_leaves_the_executions_that_it_describes(
    client: Client, make: Factory, name: str
) -> None:
    narrowed, predicate = OF_EXECUTIONS[name]
    await make.workflows(WORKFLOWS)
    await make.runs(EXECUTIONS, WORKFLOWS[0]["id"])
    found = await Listing("executions", "Execution").ids(client, filter=narrowed)
    assert set(found) == {encode(Kind.EXECUTION, row["id"]) for row in EXECUTIONS if predicate(row)}
