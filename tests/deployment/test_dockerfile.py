"""The container's files, as far as they can be tried without an engine."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from graph.commands.workers import _KILL_SECONDS
from graph.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
_CONTINUED = re.compile(r"\\\n")


def instructions() -> list[tuple[str, str]]:
    """Every instruction with its arguments."""
    lines = _CONTINUED.sub(" ", TEXT).splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line and line[0] != "#"]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage."""
    found: list[list[tuple[str, str]]] = []
    for name, arguments in instructions():
        if name == "FROM":
            found.append([])
        found[-1].append((name, arguments))
    return found


def only(name: str) -> str:
    """The arguments of the final stage's only instruction of a kind."""
    (arguments,) = [value for key, value in stages()[-1] if key == name]
    return arguments


def copied() -> list[str]:
    """What is copied from the checkout."""
    return [
        source
        for name, arguments in instructions()
        if name == "COPY" and "--from" not in arguments
        for source in arguments.split()[:-1]
    ]


@pytest.mark.parametrize("source", copied())
def test_what_is_copied_is_there_and_let_in(source: str) -> None:
    assert (ROOT / source).exists()
    assert f"!{source.split('/')[0]}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_nothing_of_the_build_is_in_what_runs() -> None:
    final = stages()[-1]
    assert [value for name, value in final if name == "COPY"] == ["--from=build /opt/flowkeep /opt/flowkeep"]
    assert not any("apt" in value or "pip" in value for name, value in final if name == "RUN")


def test_it_runs_as_nobody_in_particular() -> None:
    assert int(only("USER")) > 0


def test_it_says_how_it_is_stopped_asked_and_started() -> None:
    assert (only("STOPSIGNAL"), only("EXPOSE")) == ("SIGTERM", "8000")
    assert (orjson.loads(only("ENTRYPOINT")), orjson.loads(only("CMD"))) == (["flowkeep"], ["serve"])


def test_its_health_is_asked_of_the_process() -> None:
    command = orjson.loads(only("HEALTHCHECK").split("CMD ")[1])
    assert "/livez" in command[-1]
    run = subprocess.run(
        [sys.executable, *command[1:]], capture_output=True, check=False, env={"FLOWKEEP_PORT": "1"}
    )
    assert run.returncode == 1


def test_its_settings_are_ours() -> None:
    environment = dict(COMPOSE["x-flowkeep"]["environment"])
    for name, value in instructions():
        if name == "ENV":
            environment |= dict(pair.split("=", 1) for pair in value.split())
    ours = {name.removeprefix("FLOWKEEP_").lower() for name in environment if name.startswith("FLOWKEEP_")}
    assert ours <= set(Settings.model_fields)


def test_services_start_after_what_they_need() -> None:
    services = COMPOSE["services"]
    assert services["flowkeep"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert services["database"]["healthcheck"]["test"][1] == "pg_isready"
    assert set(COMPOSE["volumes"]) == {"database"}


def test_it_is_given_the_time_that_it_takes_to_stop() -> None:
    given = COMPOSE["services"]["flowkeep"]["stop_grace_period"]
    assert int(given.removesuffix("s")) >= _KILL_SECONDS


def test_no_password_is_written_down() -> None:
    assert re.findall(r"PASSWORD: (.*)", (ROOT / "compose.yaml").read_text()) == ["${POSTGRES_PASSWORD:?}"]


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    run = subprocess.run(["hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.slow
def test_the_commands_of_the_build_make_an_environment_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the stage `build`, in a scratch folder with this Python."""
    monkeypatch.setenv("PIP_NO_COMPILE", "1")  # of all that is installed, one command is run
    source, target = tmp_path / "src", tmp_path / "flowkeep"
    source.mkdir()
    for name in copied():
        if (ROOT / name).is_dir() and name != "web":
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        elif "/" not in name and name != "web":
            shutil.copy(ROOT / name, source / name)
    for name, command in stages()[1]:
        if name == "RUN":
            here = command.replace("/opt/flowkeep", str(target))
            here = re.sub(r"^(python|pip) ", rf"{sys.executable} -m \1 ", here).replace("-m python ", "")
            run = subprocess.run(here, shell=True, cwd=source, capture_output=True, text=True, check=False)
            assert run.returncode == 0, f"{here}\n{run.stdout}\n{run.stderr}"
    (wheel,) = (source / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"flowkeep/graph/cli.py", "flowkeep/db/engine.py", "flowkeep/schema.graphql"} <= set(names)
    shown = subprocess.run(
        [target / "bin" / "flowkeep", "--help"], capture_output=True, text=True, check=True
    )
    assert "serve" in shown.stdout
    assert not (target / "bin" / "pip").exists()
