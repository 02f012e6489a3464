"""Every filter and order of every list is served by an index, and every foreign key has one."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
import pytest_asyncio

from db.engine import Database
from db.ids import milliseconds, uuid7_time
from db.queries import filters, pages, sources
from db.queries.pages import Window
from db.queries.predicates import Filter, TimeRange
from db.queries.sources import (
    ALL_EXECUTIONS,
    ALL_HOLDS,
    ALL_TOKENS,
    ALL_WORKFLOWS,
    CHECKPOINTS_OF_EXECUTION,
    CHILDREN_OF_EXECUTION,
    EVENTS_OF_EXECUTION,
    EXECUTIONS_OF_WORKFLOW,
    LOGS_OF_EXECUTION,
    LOGS_OF_STEP,
    POINTS_OF_EXECUTION,
    STEPS_OF_EXECUTION,
    VERSIONS_OF_WORKFLOW,
    Relation,
)
from db.writes.due import CLAIM
from tests.conftest import TEMPLATE, create_database, drop_database

NOW = datetime.now(UTC)
ROWS = 4000
ID = f"(lpad(to_hex({milliseconds(NOW)} + $), 12, '0') || '70008' || lpad(to_hex($), 15, '0'))::uuid"
FILL = """
INSERT INTO workflows (id, name, version, status, definition, priority, environment, created_by, category,
                       tags, created_at, updated_at)
SELECT {id n}, 'workflow ' || n, '1', CASE WHEN n % 500 = 0 THEN 'DRAFT' ELSE 'ACTIVE' END, '{}',
       CASE WHEN n % 500 = 0 THEN 'LOW' ELSE 'NORMAL' END,
       CASE WHEN n % 500 = 0 THEN 'STAGING' ELSE 'PRODUCTION' END, 'test', 'kind ' || n % 500,
       ARRAY['tag ' || n % 500], now(), now() + n * interval '1 second'
FROM generate_series(1, {rows}) n;
INSERT INTO executions (id, workflow_id, status, trigger_type, triggered_by, correlation_id, parent_id, error,
                        tags, attributes, created_at, started_at, completed_at)
SELECT {id n}, {id (1 + n % 40)}, CASE WHEN n % 500 = 0 THEN 'FAILED' ELSE 'COMPLETED' END,
       CASE WHEN n % 500 = 0 THEN 'EVENT' ELSE 'API' END, 'test', 'order ' || n,
       CASE WHEN n > 8 THEN {id (n / 8)} END, CASE WHEN n % 500 = 0 THEN '{}'::json END,
       ARRAY['tag ' || n % 500], jsonb_build_object('n', n),
       now(), now() + n * interval '1 second', now() + n * interval '2 seconds'
FROM generate_series(1, {rows}) n;
INSERT INTO steps (execution_id, seq, key, attempt, name, type, status, started_at, completed_at)
SELECT e, n, 'step ' || n, 1, 'Step', 'type ' || n % 500,
       CASE WHEN n % 500 = 0 THEN 'CANCELLED' ELSE 'COMPLETED' END,
       now() + n * interval '1 second', now() + n * interval '1 second'
FROM unnest(ARRAY[{id 1}, {id 2}]) e, generate_series(1, {rows}) n;
INSERT INTO log_entries (execution_id, seq, step_seq, level, message, logged_at)
SELECT execution_id, seq, 1 + seq / 8, CASE WHEN seq % 500 = 0 THEN 40 ELSE 20 END, 'x', started_at
FROM steps;
INSERT INTO checkpoints (execution_id, seq, state_version, created_by)
SELECT execution_id, seq, 0, 'test' FROM steps;
INSERT INTO events (execution_id, seq, type, actor, changes)
SELECT execution_id, seq, type, 'test', '{}' FROM steps;
INSERT INTO metric_points (execution_id, seq, name, value) SELECT execution_id, seq, type, 1 FROM steps;
INSERT INTO tokens (id, name, scopes, secret_hash, created_by, revoked_at)
SELECT {id n}, 'token ' || n, ARRAY['READ'], sha256('x'), 'test', CASE WHEN n % 500 <> 0 THEN now() END
FROM generate_series(1, {rows}) n;
INSERT INTO holds (subject_id, subject_type, reason, placed_by, placed_at)
SELECT {id n}, 'EXECUTION', 'a dispute', 'test', now() + n * interval '1 second'
FROM generate_series(1, {rows}) n;
"""
TABLES = (
    *("workflows", "executions", "steps", "log_entries", "checkpoints", "events", "metric_points"),
    *("tokens", "holds"),
)


def id_of(number: int) -> UUID:
    """The id of the workflow or execution with this number."""
    return UUID(hex=f"{milliseconds(NOW) + number:012x}70008{number:015x}")


def filled() -> str:
    """The statements that fill the tables."""
    statements = FILL.replace("{rows}", str(ROWS))
    for number in ("n", "(1 + n % 40)", "(n / 8)", "1", "2"):
        statements = statements.replace(f"{{id {number}}}", ID.replace("$", number))
    return statements


@dataclass
class Explainer:
    """Stands in for a connection: explains what it is asked, and answers with no rows."""

    connection: asyncpg.Connection
    nodes: list[dict[str, Any]] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """Keep the plan's nodes, and the columns of the indexes that it uses."""
        plan = await self.connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values)
        self.nodes = list(walk((orjson.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))
        rows = await self.connection.fetch(
            "SELECT split_part(pg_get_indexdef(oid), ' USING ', 2) AS columns FROM pg_class "
            "WHERE relkind = 'i' AND relname = ANY($1::text[])",
            [node["Index Name"] for node in self.nodes if "Index Name" in node],
        )
        self.indexes = [row["columns"] for row in rows]
        return []

    async def read(self, relation: Relation, narrowed: Filter, window: Window) -> None:
        """Explain a page of the relation."""
        if relation.parent:
            parents = [tuple(SAMPLES[key.cast] for key in relation.parent)]
            await pages.fetch_pages(self, relation, parents, narrowed, window)
        else:
            await pages.fetch_page(self, relation, narrowed, window)

    def of_type(self, *names: str) -> list[str]:
        """The nodes of these types."""
        return [node["Node Type"] for node in self.nodes if node["Node Type"] in names]

    def filtered(self) -> list[str]:
        """What is checked row by row rather than found by an index."""
        return [node["Filter"] for node in self.nodes if "Filter" in node]


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield node
    for inner in node.get("Plans", []):
        yield from walk(inner)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stocked(cluster_url: str) -> AsyncIterator[Database]:
    """A database with thousands of rows, where an index is taken whenever one fits."""
    url = await create_database(cluster_url, f"indexes_{os.getpid()}", TEMPLATE)
    database = Database(url, pool_size=1)
    async with database.maintaining() as connection:
        await connection.execute(filled())
    async with database.reading() as connection:
        await connection.execute(f"ANALYZE {', '.join(TABLES)}")
    yield database
    await database.close()
    await drop_database(url)


@pytest_asyncio.fixture
async def explainer(stocked: Database) -> AsyncIterator[Explainer]:
    """Explains on that database."""
    async with stocked.maintaining() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        yield Explainer(connection)


SAMPLES: dict[str, Any] = {"uuid": id_of(1), "text": "workflow 1", "bigint": 1}
PLACES: dict[str, Any] = {
    "uuid": id_of(ROWS // 2),
    "text": "workflow 2",
    "bigint": ROWS // 2,
    "int": 1,
    "timestamptz": NOW + timedelta(minutes=30),
    "interval": timedelta(minutes=30),
}
EARLY = TimeRange(lt=NOW + timedelta(seconds=5))
CREATED = TimeRange(gte=uuid7_time(id_of(1)), lt=uuid7_time(id_of(9)))
Works, Runs, Steps, Logs = (
    filters.WorkflowFilter,
    filters.ExecutionFilter,
    filters.StepFilter,
    filters.LogFilter,
)
FILTERS: list[tuple[Relation, Filter, str]] = [
    (ALL_WORKFLOWS, Works(name="workflow 7"), "(name,"),
    (ALL_WORKFLOWS, Works(name_prefix="workflow 77"), "(name,"),
    (ALL_WORKFLOWS, Works(statuses=("DRAFT",)), "(status, id)"),
    (ALL_WORKFLOWS, Works(statuses=("DRAFT", "ARCHIVED")), "(status, id)"),
    (ALL_WORKFLOWS, Works(categories=("kind 7",)), "(category, id)"),
    (ALL_WORKFLOWS, Works(priorities=("LOW",)), "(priority, id)"),
    (ALL_WORKFLOWS, Works(environments=("STAGING",)), "(environment, id)"),
    (ALL_WORKFLOWS, Works(tags_all=("tag 7",)), "gin (tags)"),
    (ALL_WORKFLOWS, Works(tags_any=("tag 7", "tag 8")), "gin (tags)"),
    (ALL_WORKFLOWS, Works(created=CREATED), "(id)"),
    (ALL_WORKFLOWS, Works(updated=EARLY), "(updated_at, id)"),
    (ALL_EXECUTIONS, Runs(workflow_id=id_of(1)), "(workflow_id, "),
    (ALL_EXECUTIONS, Runs(workflow_name="workflow 7"), "(name,"),
    (ALL_EXECUTIONS, Runs(workflow_name_prefix="workflow 77"), "(name,"),
    (ALL_EXECUTIONS, Runs(statuses=("FAILED",)), "(status, id)"),
    (ALL_EXECUTIONS, Runs(statuses=("FAILED", "RUNNING")), "(status, id)"),
    (ALL_EXECUTIONS, Runs(trigger_types=("EVENT",)), "(trigger_type, id)"),
    (ALL_EXECUTIONS, Runs(correlation_id="order 7"), "(correlation_id, id)"),
    (ALL_EXECUTIONS, Runs(parent_id=id_of(7)), "(parent_id, id)"),
    (ALL_EXECUTIONS, Runs(has_error=True), "(id) WHERE (error IS NOT NULL)"),
    (ALL_EXECUTIONS, Runs(tags_all=("tag 7",)), "gin (tags)"),
    (ALL_EXECUTIONS, Runs(tags_any=("tag 7", "tag 8")), "gin (tags)"),
    (ALL_EXECUTIONS, Runs(attributes='{"n": 7}'), "gin (attributes"),
    (ALL_EXECUTIONS, Runs(created=CREATED), "(id)"),
    (ALL_EXECUTIONS, Runs(started=EARLY), "(COALESCE(started_at"),
    (ALL_EXECUTIONS, Runs(completed=EARLY), "(COALESCE(completed_at"),
    (EXECUTIONS_OF_WORKFLOW, Runs(statuses=("FAILED",)), "(workflow_id, status, id)"),
    (EXECUTIONS_OF_WORKFLOW, Runs(started=EARLY), "COALESCE(started_at"),
    (EXECUTIONS_OF_WORKFLOW, Runs(completed=EARLY), "COALESCE(completed_at"),
    (STEPS_OF_EXECUTION, Steps(statuses=("CANCELLED",)), "(execution_id, status, seq)"),
    (STEPS_OF_EXECUTION, Steps(keys=("step 7",)), "(execution_id, key, attempt)"),
    (STEPS_OF_EXECUTION, Steps(keys=("step 7", "step 8")), "(execution_id, key, attempt)"),
    (STEPS_OF_EXECUTION, Steps(key_prefix="step 77"), "(execution_id, key, attempt)"),
    (STEPS_OF_EXECUTION, Steps(types=("type 7",)), "(execution_id, type, seq)"),
    (STEPS_OF_EXECUTION, Steps(started=EARLY), "(execution_id, COALESCE(started_at"),
    (LOGS_OF_EXECUTION, Logs(min_level=30), "WHERE (level >= 30)"),
    (LOGS_OF_EXECUTION, Logs(min_level=40), "WHERE (level >= 30)"),
    (LOGS_OF_EXECUTION, Logs(step_key="step 7"), "(execution_id, key, attempt)"),
    (LOGS_OF_EXECUTION, Logs(logged=EARLY), "(execution_id, logged_at, seq)"),
    (LOGS_OF_EXECUTION, Logs(text="x"), "(execution_id, seq)"),
    (LOGS_OF_EXECUTION, Logs(seqs=(100, 110)), "(execution_id, seq)"),
    (LOGS_OF_STEP, Logs(text="x"), "(execution_id, step_seq, seq)"),
    (CHECKPOINTS_OF_EXECUTION, filters.CheckpointFilter(labels=("a",)), "(execution_id, seq)"),
    (EVENTS_OF_EXECUTION, filters.EventFilter(types=("type 7",)), "(execution_id, seq)"),
    (ALL_TOKENS, filters.TokenFilter(name="token 7"), "(name, id)"),
    (ALL_TOKENS, filters.TokenFilter(name_prefix="token 77"), "(name, id)"),
    (ALL_TOKENS, filters.TokenFilter(revoked=False), "(id) WHERE (revoked_at IS NULL)"),
    (ALL_TOKENS, filters.TokenFilter(revoked=True), "(id) WHERE (revoked_at IS NOT NULL)"),
    (ALL_HOLDS, filters.HoldFilter(subject=id_of(7)), "(subject_id)"),
    (ALL_HOLDS, filters.HoldFilter(placed=EARLY), "(placed_at, subject_id)"),
    (POINTS_OF_EXECUTION, filters.MetricFilter(names=("type 7",)), "(execution_id, name, seq)"),
]
RELATIONS = [
    relation
    for relation in vars(sources).values()
    if isinstance(relation, Relation) and not relation.condition
]
ORDERS = [(relation, order.name) for relation in RELATIONS for order in relation.source.orders]
# The rows of one parent, of which there are few, are sorted rather than kept in one more index.
SORTED = {
    (VERSIONS_OF_WORKFLOW, "UPDATED_AT"),
    (CHILDREN_OF_EXECUTION, "STARTED_AT"),
    (CHILDREN_OF_EXECUTION, "COMPLETED_AT"),
    (CHILDREN_OF_EXECUTION, "DURATION"),
    (LOGS_OF_STEP, "LOGGED_AT"),
}


@pytest.mark.parametrize(("relation", "narrowed", "columns"), FILTERS)
async def test_a_filter_finds_its_rows_by_an_index(
    explainer: Explainer, relation: Relation, narrowed: Filter, columns: str
) -> None:
    await explainer.read(relation, narrowed, Window(relation.source.orders[0], True, 50))
    assert [index for index in explainer.indexes if columns in index], explainer.nodes
    assert explainer.of_type("Seq Scan") == []


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("relation", "order"), ORDERS, ids=lambda part: getattr(part, "name", part))
async def test_an_order_walks_an_index_without_a_sort(
    explainer: Explainer, relation: Relation, order: str, descending: bool
) -> None:
    await explainer.read(relation, Works(), Window(relation.source.order(order), descending, 50))
    sorts = explainer.of_type("Sort", "Incremental Sort")
    assert bool(sorts) == ((relation, order) in SORTED), explainer.nodes


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("relation", "order"), ORDERS, ids=lambda part: getattr(part, "name", part))
async def test_a_page_deep_inside_starts_where_the_last_one_ended(
    explainer: Explainer, relation: Relation, order: str, descending: bool
) -> None:
    keys = relation.source.order(order)
    place = tuple(PLACES[key.cast] for key in keys.keys)
    await explainer.read(relation, Works(), Window(keys, descending, 50, after=place))
    assert bool(explainer.filtered()) == ((relation, order) in SORTED), explainer.nodes


@pytest.mark.parametrize("names", [None, ["workflow 7"]])
async def test_a_claim_walks_an_index_by_priority_and_age(stocked: Database, names: list[str] | None) -> None:
    arguments = "w", timedelta(minutes=1), "test", True, names is None, names or [], 10
    async with stocked.changing() as driver:
        await driver.execute("SET LOCAL enable_seqscan = off")
        plan = await driver.fetchval(f"EXPLAIN (FORMAT JSON) {CLAIM}", *arguments)
    nodes = list(walk(orjson.loads(plan)[0]["Plan"]))
    walked = [node for node in nodes if "executions_" in node.get("Index Name", "")]
    assert {"Seq Scan"} & {node["Node Type"] for node in nodes} == set()
    assert [node["Index Name"] for node in walked if "status_priority" in node["Index Name"]]
    assert [node["Sort Key"] for node in nodes if node["Node Type"] == "Sort"] == [
        ["claimed.place", "claimed.id"],
    ]


UNINDEXED = """
SELECT c.conrelid::regclass::text || ' ' || c.conname AS foreign_key
FROM pg_constraint c
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND NOT EXISTS (
    SELECT 1 FROM pg_index i
    WHERE i.indrelid = c.conrelid AND i.indisvalid
      AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
      AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ '^\\(\\w+ IS NOT NULL\\)$')
)
"""


async def test_every_foreign_key_has_an_index(stocked: Database) -> None:
    async with stocked.reading() as connection:
        rows = await connection.fetch(UNINDEXED)
    assert [row["foreign_key"] for row in rows] == []
