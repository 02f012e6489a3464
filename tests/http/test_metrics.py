"""What Prometheus reads."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from db.engine import Database
from db.enums import Scope
from graph.documents.document import Documents
from graph.schema import core
from graph.settings import Settings
from graph.telemetry import figures
from graph.telemetry.metrics import MOST_NAMES, Names
from tests.client import Client
from tests.factories import Factory
from tests.http.test_probes import beside
from tests.serving import serving, settings_of

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def read(client: Client) -> Samples:
    """Every sample, by name and labels."""
    answer = await client.http.get(beside(client, "/metrics"))
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    """One sample; 0 where it is not there."""
    return samples.get((name, frozenset(labels.items())), 0.0)


async def test_documents_without_a_plan_are_counted(client: Client) -> None:
    before = await read(client)
    await client.ask("{ __schema { queryType { name } } }")
    await client.ask("{ workflows { nodes { id } } }")
    after = await read(client)
    counted = [of(samples, "flowkeep_unplanned_total", reason="introspection") for samples in (before, after)]
    assert counted[1] - counted[0] == 1
    assert {labels for name, labels in after if name == "flowkeep_unplanned_total"} == {
        frozenset({("reason", "introspection")})
    }


async def test_requests_are_counted_by_name_once_it_came_twice(client: Client) -> None:
    before = await read(client)
    for _ in range(3):
        await client.ask("query CountedHere { health { version } }")
    after = await read(client)

    def more(operation: str) -> float:
        labels = {"kind": "query", "operation": operation, "outcome": "ok"}
        return of(after, "flowkeep_requests_total", **labels) - of(
            before, "flowkeep_requests_total", **labels
        )

    assert (more("CountedHere"), more("other")) == (2, 1)
    assert of(after, "flowkeep_request_seconds_count", kind="query", operation="CountedHere") == 2


async def test_refusals_are_counted_by_their_code(client: Client) -> None:
    await client.refused("{ nothing }")
    samples = await read(client)
    labels = {"kind": "none", "operation": "", "outcome": "GRAPHQL_VALIDATION_FAILED"}
    assert of(samples, "flowkeep_requests_total", **labels) >= 1


async def test_writes_are_counted_by_their_outcome(client: Client, make: Factory) -> None:
    before = await read(client)
    workflow = await client.done("createWorkflow", name="counted", version="1", definition={"steps": []})
    assert workflow
    await client.write("createWorkflow", name="counted", version="1", definition={"steps": []})
    after = await read(client)
    made = [
        of(after, "flowkeep_writes_total", mutation="createWorkflow", outcome=outcome)
        - of(before, "flowkeep_writes_total", mutation="createWorkflow", outcome=outcome)
        for outcome in ("ok", "AlreadyExists")
    ]
    assert made == [1, 1]


async def test_sessions_and_gauges_are_there(client: Client) -> None:
    await client.ask("{ health { version } }")
    samples = await read(client)
    assert of(samples, "flowkeep_database_session_seconds_count", kind="read") > 0
    assert of(samples, "flowkeep_pool_size") == 2  # one of them is for batches of writes
    names = {name for name, _ in samples}
    assert {
        "flowkeep_database_refuses_writes",
        "flowkeep_pool_in_use",
        "flowkeep_subscriptions",
        "flowkeep_websockets",
        "flowkeep_tailer_lag_seconds",
    } <= names


async def test_others_than_this_machine_need_a_token_that_reads(worker_url: str, make: Factory) -> None:
    reader, writer = [await make.token(scopes=[scope]) for scope in (Scope.READ, Scope.WRITE)]
    settings = settings_of(worker_url)
    async with serving(settings) as url, httpx.AsyncClient() as http:
        address = url.removesuffix("/graphql") + "/metrics"
        statuses = [
            (await http.get(address, headers=headers)).status_code
            for headers in (
                {},
                {"authorization": f"Bearer {writer}"},
                {"authorization": f"Bearer {reader}"},
            )
        ]
    assert statuses == [401, 403, 200]


async def test_another_host_is_refused(client: Client) -> None:
    answer = await client.http.get(beside(client, "/metrics"), headers={"host": "flowkeep.example.org"})
    assert answer.status_code == 403


async def test_they_can_be_switched_off(worker_url: str, database: Database) -> None:
    settings = settings_of(worker_url, metrics=False)
    async with serving(settings) as url, httpx.AsyncClient() as http:
        answer = await http.get(url.removesuffix("/graphql") + "/metrics")
    assert answer.status_code == 404


def test_made_up_names_are_bounded() -> None:
    documents = Documents(core, Settings().document_limits)
    found = [documents.get(f"query Made{number} {{ health {{ version }} }}") for number in range(300)]
    names = Names()
    for document in found:
        names.label(document, document.operations[0].name)
    labels = {names.label(document, document.operations[0].name) for document in found}
    assert (len(labels), "other" in labels) == (MOST_NAMES + 1, True)


def test_trusted_names_have_their_label_at_once() -> None:
    document = Documents(core, Settings().document_limits).get("query Ours { health { version } }")
    assert Names([document]).label(document, "Ours") == "Ours"


async def test_executions_are_counted_by_status(
    client: Client, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "REMEMBERED_SECONDS", 0.0)
    await make.executions(3)
    for ago in (timedelta(minutes=5), timedelta(hours=2)):
        ended = datetime.now(UTC) - ago
        await make.execution(status="FAILED", created_at=ended, started_at=ended, completed_at=ended)
    await client.done("claimExecutions", holder="gone", ttl="PT1S", limit=1)
    await asyncio.sleep(1.1)
    samples = await read(client)
    found = {status: of(samples, "flowkeep_executions", status=status) for status in ("pending", "running")}
    assert found == {"pending": 2, "running": 1}
    assert of(samples, "flowkeep_executions_orphaned") == 1
    assert of(samples, "flowkeep_executions_ended", status="failed") == 1


async def test_what_holds_up_the_feed_of_all_changes_is_told(
    client: Client, database: Database, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "REMEMBERED_SECONDS", 0.0)
    await make.workflow()
    async with database.maintaining() as connection:
        await connection.execute("UPDATE workflows SET description = 'held'")
        await asyncio.sleep(0.2)
        held = of(await read(client), "flowkeep_oldest_write_transaction_seconds")
    assert held >= 0.2


async def test_what_retention_deleted_is_told(
    client: Client, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "REMEMBERED_SECONDS", 0.0)
    long_ago = datetime.now(UTC) - timedelta(days=30)
    await make.execution(status="FAILED", created_at=long_ago, started_at=long_ago, completed_at=long_ago)
    before = time.time()
    await client.done("createRetentionPolicy", name="old", keepExecutions="P1D")
    await client.done("applyRetention")
    samples = await read(client)
    assert of(samples, "flowkeep_retention_deleted", kind="executions") == 1
    assert of(samples, "flowkeep_retention_ended_timestamp_seconds") == pytest.approx(before, abs=60)


async def test_a_database_that_is_held_up_holds_up_no_scrape(worker_url: str, database: Database) -> None:
    settings = settings_of(worker_url)
    async with serving(settings) as url, httpx.AsyncClient() as http, database.maintaining() as connection:
        await connection.execute("LOCK TABLE executions IN ACCESS EXCLUSIVE MODE")
        answer = await http.get(url.removesuffix("/graphql") + "/metrics", timeout=60)
    assert (answer.status_code, "flowkeep_database_up 0.0" in answer.text) == (200, True)


async def test_the_process_is_measured(client: Client) -> None:
    samples = await read(client)
    assert of(samples, "process_resident_memory_bytes") > 0
    assert of(samples, "process_open_fds") > 0
