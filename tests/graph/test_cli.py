"""The command line before any subcommand runs: what it says, and what it leaves unloaded."""

import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from graph.cli import SUBCOMMANDS, app, load

# What takes long to import, by what needs it.
DATABASE = ("asyncpg", "sqlalchemy", "alembic")
SERVICE = ("graphql", "starlette", "strawberry", "uvicorn")
SETTINGS = ("pydantic", "pydantic_settings")
LOADED = """
import sys
from graph.cli import app
try:
    app(sys.argv[1:])
finally:
    print(*{name.split(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def loaded(*arguments: str) -> set[str]:
    """The top-level packages that a process has imported once the command has ended."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return set(run.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "spared"),
    [
        (["--help"], (*DATABASE, *SERVICE, *SETTINGS)),
        (["--version"], (*DATABASE, *SERVICE, *SETTINGS)),
        (["tail", "--help"], (*DATABASE, *SERVICE)),
        (["token", "--help"], ("starlette", "uvicorn")),
    ],
    ids=" ".join,
)
def test_only_what_is_called_is_loaded(arguments: list[str], spared: tuple[str, ...]) -> None:
    assert loaded(*arguments).intersection(spared) == set()


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_list_says_what_the_command_says(name: str) -> None:
    own = load(name).help
    assert own is not None
    assert own.split("\n\n")[0] == SUBCOMMANDS[name][1]


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_command_teaches(name: str) -> None:
    assert f"Usage: flowkeep {name}" in CliRunner().invoke(app, [name, "--help"]).output


def test_the_version_is_that_of_the_installation() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"flowkeep {version('flowkeep')}\n"


def test_a_slip_is_answered_with_the_nearest() -> None:
    assert "Did you mean 'serve'" in CliRunner().invoke(app, ["sevre"], env={"COLUMNS": "200"}).output
