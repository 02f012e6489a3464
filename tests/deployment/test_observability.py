"""The dashboard and the alerts ask for what the service tells."""

import asyncio
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
import yaml
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from db.engine import Database
from graph.errors import _STATUSES
from graph.settings import Settings
from tests.client import Client
from tests.conftest import TEMPLATE, create_database, drop_database
from tests.deployment.promql import Asked, asked
from tests.factories import Factory
from tests.patience import PATIENCE
from tests.serving import serving

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = orjson.loads((DEPLOY / "grafana" / "flowkeep.json").read_bytes())
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
SCRAPING: list[dict[str, Any]] = [
    scrape
    for name in ("prometheus.yaml", "kubernetes.yaml")
    for scrape in yaml.safe_load((DEPLOY / "prometheus" / name).read_text())["scrape_configs"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = sorted(
    {rule["expr"] for rule in ALERTS} | {target["expr"] for _, target in TARGETS}, key=lambda text: text[:60]
)
# Prometheus says itself whether a target answers, and which it is.
UP = "up"
OF_TARGETS = {"job", "instance"}
# Only where there are several workers.
OF_WORKERS = {"pid"}

# Metrics, with the values that each of their labels has.
Exposed = dict[str, dict[str, set[str]]]


@pytest_asyncio.fixture(scope="module")
async def exposed(cluster_url: str) -> AsyncIterator[Exposed]:
    """What an application tells after queries, writes, refusals, retention, and a job that fails."""
    url = await create_database(cluster_url, f"observed_{os.getpid()}", TEMPLATE)
    database = Database(url, pool_size=1)
    away = SecretStr("postgresql://flowkeep@127.0.0.1:1/flowkeep")
    settings = Settings(database_url=SecretStr(url), replica_url=away, pool_size=2, retention_interval=0.1)
    async with serving(settings) as endpoint, httpx.AsyncClient(timeout=60) as http:
        client = Client(endpoint, http)
        await _be_busy(client, Factory(database))
        async with database.maintaining() as connection:
            await connection.execute("ALTER TABLE retention_policies RENAME TO retention_policies_away")
        address = endpoint.replace("/graphql", "/metrics")
        found: Exposed = {}
        async with asyncio.timeout(PATIENCE):
            while "flowkeep_job_failures_total" not in found:
                found = _read((await http.get(address)).text)
                await asyncio.sleep(0.05)
        yield found
    await database.close()
    await drop_database(url)


async def _be_busy(client: Client, make: Factory) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=30)
    await make.execution(status="FAILED", created_at=long_ago, started_at=long_ago, completed_at=long_ago)
    await client.ask("{ __schema { queryType { name } } }")
    await client.ask("{ workflows { totalCount } }")
    for _ in range(2):  # the second is refused
        await client.write("createWorkflow", name="seen", version="1", definition={"steps": []})
    await client.done("createRetentionPolicy", name="old", keepExecutions="P1D")
    await client.done("applyRetention")


def _read(text: str) -> Exposed:
    found: Exposed = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, defaultdict(set))
            for name, value in sample.labels.items():
                labels[name].add(value)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_asked_for_is_told(expression: str, exposed: Exposed) -> None:
    selectors = [one for one in asked(expression) if one.metric != UP]
    assert {one.metric for one in selectors} - set(exposed) == set()
    for one in selectors:
        assert one.labels - set(exposed[one.metric]) - OF_TARGETS == set(), one.metric


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_labels_are_asked_for_values_that_they_have(expression: str, exposed: Exposed) -> None:
    for one in asked(expression):
        for label, value in _values(one):
            known = {"ok", *_STATUSES} if label == "outcome" else exposed[one.metric][label]
            assert value in known, one.metric


def _values(one: Asked) -> Iterator[tuple[str, str]]:
    for matcher in one.matchers:
        if matcher.name not in OF_TARGETS:
            yield from ((matcher.name, value) for value in matcher.value.split("|"))


@pytest.mark.parametrize(("title", "target"), TARGETS)
def test_legends_show_labels_that_are_left(title: str, target: dict[str, Any], exposed: Exposed) -> None:
    shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
    told = [set(exposed[one.metric]) | OF_TARGETS | OF_WORKERS for one in asked(target["expr"])]
    grouped = [one.grouped for one in asked(target["expr"])]
    left = [groups or labels for groups, labels in zip(grouped, told, strict=True)]
    assert shown <= set.intersection(*map(set, left)), title


def test_figures_that_the_documents_name_are_told(exposed: Exposed) -> None:
    root = DEPLOY.parent
    documents = "".join(path.read_text() for path in [root / "README.md", *root.glob("docs/*.md")])
    named = set(re.findall(r"`(flowkeep_[a-z_]+)`", documents))
    assert named - set(exposed) == set()


def test_alerts_have_names_of_their_own_and_say_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert len(set(names)) == len(names)
    for rule in ALERTS:
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_alerts_speak_of_labels_that_they_have(rule: dict[str, Any]) -> None:
    spoken = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    known = set.intersection(*(set(one.grouped) or one.labels | OF_TARGETS for one in asked(rule["expr"])))
    assert spoken <= known


def test_alerts_are_about_the_job_that_is_scraped() -> None:
    jobs = {
        matcher.value
        for rule in ALERTS
        for one in asked(rule["expr"])
        for matcher in one.matchers
        if matcher.name == "job"
    }
    assert jobs == {scrape["job_name"] for scrape in SCRAPING}


def test_panels_are_told_apart_and_lie_beside_each_other() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert [pair for pair in combinations(places, 2) if _overlap(*pair)] == []


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


def test_the_dashboard_takes_the_source_that_is_chosen() -> None:
    variables = {variable["name"]: variable["type"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource": "datasource", "job": "query"}
    sources = [panel["datasource"] for panel in PANELS] + [target["datasource"] for _, target in TARGETS]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yaml"),
        ("test", "rules", "alerts_test.yaml"),
        ("check", "config", "prometheus.yaml"),
        ("check", "config", "kubernetes.yaml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    folder = shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus")
    (folder / "flowkeep.token").write_text("a token")
    run = subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    if "field kubernetes_sd_configs not found" in run.stdout + run.stderr:
        pytest.skip("promtool was built without the discovery of Kubernetes")
    assert run.returncode == 0, run.stdout + run.stderr
