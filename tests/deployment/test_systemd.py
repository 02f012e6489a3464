"""The unit, as far as it can be tried without being started by systemd."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from graph.commands.common import _POSTGRES_SECONDS
from graph.commands.workers import _KILL_SECONDS
from graph.settings import Settings
from tests.commands import FLOWKEEP, flowkeep

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = (FOLDER / "flowkeep.service").read_text()
ENVIRONMENT = (FOLDER / "flowkeep.env.example").read_text()
SETTINGS = re.findall(r"^#?(FLOWKEEP_[A-Z_]+)=(.*)$", ENVIRONMENT, re.MULTILINE)
# Of 100, which is a service that may do everything.
MOST_EXPOSED = 20


def said(key: str) -> str:
    """The only value of a key."""
    (value,) = re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)
    return str(value)


def test_its_settings_are_ours() -> None:
    names = re.findall(r"\bFLOWKEEP_[A-Z_]+", UNIT + ENVIRONMENT)
    assert {name.removeprefix("FLOWKEEP_").lower() for name in names} <= set(Settings.model_fields)


def test_the_settings_of_the_example_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS:
        monkeypatch.setenv(name, " ".join(shlex.split(value)))
    settings = Settings()
    assert (settings.auth, settings.workers, settings.host) == ("required", 2, "127.0.0.1")


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_a_shell_reads_the_settings_of_the_example_as_systemd_does(
    tmp_path: Path, name: str, value: str
) -> None:
    file = tmp_path / "flowkeep.env"
    file.write_text(re.sub(r"^#(?=FLOWKEEP_)", "", ENVIRONMENT, flags=re.MULTILINE))
    run = subprocess.run(
        ["sh", "-c", f'set -a; . "{file}"; printenv {name}'], capture_output=True, text=True, check=True
    )
    assert run.stdout.rstrip("\n") == value.strip("'")


def test_it_runs_a_command_that_there_is() -> None:
    program, command, *options = said("ExecStart").split()
    assert program == "/opt/flowkeep/bin/flowkeep"
    assert all(option in flowkeep(command, "--help").stdout for option in options)


def test_the_database_is_where_it_may_write() -> None:
    assert said("Environment") == f"FLOWKEEP_DATA_DIR=/var/lib/{said('StateDirectory')}"


def test_it_is_given_the_time_that_it_takes_to_stop() -> None:
    assert int(said("TimeoutStopSec")) >= _KILL_SECONDS + _POSTGRES_SECONDS
    # A signal to each of them would have PostgreSQL stop before the service has.
    assert said("KillMode") == "mixed"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The unit with the paths of this machine: what it names must exist."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "flowkeep.service"
    unit.write_text(UNIT.replace("/opt/flowkeep/bin/flowkeep", FLOWKEEP))
    return unit


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What systemd says of a file, without starting anything."""
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_systemd_understands_all_of_it(here: Path) -> None:
    run = analyze("verify", "--man=no", str(here))
    assert (run.returncode, run.stderr) == (0, "")


def test_it_may_do_little_beside_its_work(here: Path) -> None:
    run = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(here))
    assert run.returncode == 0, run.stdout + run.stderr
