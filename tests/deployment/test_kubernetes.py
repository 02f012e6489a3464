"""The manifests, as far as they can be tried without a cluster."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from db.engine import Database
from graph.commands.workers import _KILL_SECONDS
from graph.http.probes import READY_SECONDS
from graph.settings import Settings
from tests.deployment.test_dockerfile import only
from tests.serving import serving, settings_of

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
FILES = sorted(FOLDER.rglob("*.yaml"))
KUSTOMIZATIONS = [path for path in FILES if path.name == "kustomization.yaml"]
VERSIONS = ("1.30", "1.37")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def read(name: str) -> dict[str, Any]:
    """The only document of a file."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return found


DEPLOYMENT = read("base/deployment.yaml")
POD: dict[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
(SERVER,) = POD["containers"]
(MIGRATION,) = POD["initContainers"]
SETTINGS = dict(
    line.split("=", 1)
    for line in (FOLDER / "base" / "settings.env").read_text().splitlines()
    if line and line[0] != "#"
)


@cache
def built(name: str) -> tuple[dict[str, Any], ...]:
    """What kustomize makes of a folder."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    run = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / name)], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return tuple(yaml.safe_load_all(run.stdout))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_file_says_what_it_is(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        assert {"apiVersion", "kind"} <= set(document)


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.relative_to(FOLDER)))
def test_a_kustomization_has_all_that_lies_beside_it(path: Path) -> None:
    beside = {file.name for file in path.parent.glob("*.yaml") if not file.name.endswith(".example.yaml")}
    resources = yaml.safe_load(path.read_text())["resources"]
    assert {name for name in resources if "/" not in name} == beside - {"kustomization.yaml"}
    assert all((path.parent / name).exists() for name in resources)


def test_the_example_overlays_the_base() -> None:
    kinds = {resource["kind"] for resource in built("overlays/example")}
    assert kinds == {
        "ConfigMap",
        "Deployment",
        "Ingress",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    }
    (pods,) = [one for one in built("overlays/example") if one["kind"] == "Deployment"]
    (settings,) = [one for one in built("overlays/example") if one["kind"] == "ConfigMap"]
    containers = pods["spec"]["template"]["spec"]["containers"]
    assert containers[0]["envFrom"][0]["configMapRef"]["name"] == settings["metadata"]["name"]
    assert containers[0]["image"] == "registry.example.org/flowkeep:0.1.0"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["base", "overlays/example"])
def test_the_schemas_of_kubernetes_are_kept_to(name: str, version: str) -> None:
    validation = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for resource in built(name):
        validation.validate(resource, version, strict=True)


def names() -> Iterator[str]:
    """Every variable that is set anywhere in the folder."""
    for path in [*FILES, *FOLDER.rglob("*.env")]:
        yield from re.findall(r"\bFLOWKEEP_[A-Z_]+", path.read_text())


def test_its_settings_are_ours() -> None:
    assert {name.removeprefix("FLOWKEEP_").lower() for name in names()} <= set(Settings.model_fields)


def test_its_settings_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    assert (Settings().auth, Settings().pool_size) == ("required", 10)


def test_no_variable_of_ours_comes_from_the_service_of_the_same_name() -> None:
    # Kubernetes would set FLOWKEEP_PORT=tcp://10.0.0.1:8000.
    assert read("base/service.yaml")["metadata"]["name"] == "flowkeep"
    assert POD["enableServiceLinks"] is False


def test_the_database_and_its_replica_are_named_by_a_secret_that_is_not_here() -> None:
    example = read("base/secret.example.yaml")
    for container in (SERVER, MIGRATION):
        wanted = {variable["name"]: variable["valueFrom"]["secretKeyRef"] for variable in container["env"]}
        assert list(wanted) == ["FLOWKEEP_DATABASE_URL", "FLOWKEEP_REPLICA_URL"]
        assert [key["key"] for key in wanted.values()] == list(example["stringData"])
        assert {key["name"] for key in wanted.values()} == {example["metadata"]["name"]}
        assert [key.get("optional", False) for key in wanted.values()] == [False, True]
    assert "Secret" not in {resource["kind"] for resource in built("base")}


def test_it_runs_as_the_user_of_the_image_who_may_do_nothing() -> None:
    assert POD["securityContext"]["runAsUser"] == int(only("USER"))
    assert POD["securityContext"]["runAsNonRoot"] is True
    for container in (SERVER, MIGRATION):
        confined = container["securityContext"]
        assert confined["capabilities"] == {"drop": ["ALL"]}
        assert (confined["readOnlyRootFilesystem"], confined["allowPrivilegeEscalation"]) == (True, False)


def test_it_is_found_at_the_port_of_the_image() -> None:
    (port,) = SERVER["ports"]
    (served,) = read("base/service.yaml")["spec"]["ports"]
    (allowed,) = read("base/network.yaml")["spec"]["ingress"][0]["ports"]
    assert port["containerPort"] == int(only("EXPOSE")) == Settings().port
    asked = {SERVER[probe]["httpGet"]["port"] for probe in PROBES}
    assert {served["targetPort"], allowed["port"]} | asked == {port["name"]}


def test_prometheus_finds_the_port_of_each_pod_of_the_namespace() -> None:
    (scrape,) = yaml.safe_load((FOLDER.parent / "prometheus" / "kubernetes.yaml").read_text())[
        "scrape_configs"
    ]
    (found,) = scrape["kubernetes_sd_configs"]
    kept = scrape["relabel_configs"][0]["regex"]
    (label,) = DEPLOYMENT["spec"]["template"]["metadata"]["labels"].values()
    namespace = read("overlays/example/kustomization.yaml")["namespace"]
    assert (found["role"], found["namespaces"]["names"]) == ("pod", [namespace])
    assert [f"{label};{port['name']}" for port in SERVER["ports"]] == [kept]


def test_all_select_the_pods_by_the_label_that_they_have() -> None:
    (label,) = DEPLOYMENT["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        DEPLOYMENT["spec"]["selector"]["matchLabels"],
        read("base/service.yaml")["spec"]["selector"],
        read("base/disruption.yaml")["spec"]["selector"]["matchLabels"],
        read("base/network.yaml")["spec"]["podSelector"]["matchLabels"],
        POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert all(selector == dict([label]) for selector in selectors)


async def test_its_probes_are_answered_without_a_token(worker_url: str, database: Database) -> None:
    settings = settings_of(worker_url, auth="required")
    async with serving(settings) as url, httpx.AsyncClient() as http:
        for probe in PROBES:
            address = url.replace("/graphql", SERVER[probe]["httpGet"]["path"])
            answer = await http.get(address, headers={"host": "10.1.2.3:8000"})
            assert answer.status_code == 200, probe


def test_readiness_waits_longer_than_the_service_does_for_its_database() -> None:
    assert SERVER["readinessProbe"]["timeoutSeconds"] > READY_SECONDS


def test_it_is_given_the_time_that_it_takes_to_stop() -> None:
    (_, before) = SERVER["lifecycle"]["preStop"]["exec"]["command"]
    assert POD["terminationGracePeriodSeconds"] >= int(before) + _KILL_SECONDS


def test_the_ingress_lets_through_what_the_service_takes() -> None:
    ingress = read("overlays/example/ingress.yaml")
    size = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert int(size.removesuffix("m")) * 2**20 >= Settings().max_body_bytes
