"""The wheel: one package, whatever else is installed beside it."""

import ast
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from hatchling.builders.wheel import WheelBuilder

from hatch_build import INSIDE, moved
from tests.commands import FLOWKEEP

ROOT = Path(__file__).parents[2]
MODULES = {"db.errors", "graph.cli", "graph.commands.serve"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    (made,) = WheelBuilder(str(ROOT)).build(
        directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]
    )
    return Path(made)


def imported(source: bytes) -> Iterator[str]:
    """The top-level packages that a module imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.slow
def test_it_is_one_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"flowkeep"}
    assert {"py.typed", "schema.graphql", "db/engine.py", "graph/cli.py", "migrations/schema.sql"} <= {
        name.removeprefix("flowkeep/") for name in names
    }
    assert not [name for name in names if "__pycache__" in name or name.startswith("flowkeep/tests")]


def test_every_file_of_ours_is_in_it_and_imports_nothing_from_the_top(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    for folder in INSIDE:
        for path in (ROOT / folder).rglob("*.py"):
            found = set(imported(archive.read(f"flowkeep/{path.relative_to(ROOT).as_posix()}")))
            assert found & set(INSIDE) == set(), path


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from db.errors import NotFound", "from flowkeep.db.errors import NotFound"),
        ("from db import errors", "from flowkeep.db import errors"),
        ("import migrations\n", "from flowkeep import migrations\n"),
        ('x = "graph.commands.serve:serve"', 'x = "flowkeep.graph.commands.serve:serve"'),
        ('é = "é", lazy("graph.cli")', 'é = "é", lazy("flowkeep.graph.cli")'),
        ('x = "db.system.name"', 'x = "db.system.name"'),
        ("import dbm, graphlib", "import dbm, graphlib"),
        ("from . import db", "from . import db"),
        ("# from db.errors import it\n", "# from db.errors import it\n"),
    ],
)
def test_what_names_our_modules_is_moved(source: str, expected: str) -> None:
    assert moved(source.encode(), MODULES).decode() == expected


@pytest.mark.parametrize("source", ["import db.errors\n", "import os, db\n", 'x = r"graph.cli"'])
def test_what_cannot_be_moved_is_refused(source: str) -> None:
    with pytest.raises(SyntaxError, match="in a plainer way"):
        moved(source.encode(), MODULES)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, what it needs, and another's `db`, `graph` and `migrations`."""
    home = tmp_path_factory.mktemp("installed") / "environment"
    venv.create(home)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(f"{Path(httpx.__file__).parents[1]}\n")
    for name in INSIDE:
        (packages / name).mkdir()
        (packages / name / "__init__.py").write_text("raise ImportError('this is not Flowkeep')\n")
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet"]
    # In the development's environment there is a Flowkeep already.
    install += ["--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    subprocess.run(install, check=True, timeout=120)
    return home / "bin"


@pytest.mark.slow
def test_it_serves_beside_a_package_of_the_same_name(
    installed: Path, empty_database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "db.py").write_text("raise ImportError('nor is this')\n")
    environment = {**os.environ, "FLOWKEEP_DATABASE_URL": empty_database_url, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(
        [installed / "flowkeep", "serve", "--migrate", "--port", "0", "--workers", "2"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        answer = httpx.post(url, json={"query": "{ health { database { revision } } }"}, timeout=30)
        process.terminate()
    assert (process.returncode, answer.json()["data"]["health"]["database"]["revision"] > "0") == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["--version", "tail --help", "retention --help", "export-schema"])
def test_its_commands_are_those_of_the_checkout(installed: Path, tmp_path: Path, command: str) -> None:
    run = partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, check=True)
    here, there = (run([program, *command.split()]) for program in (FLOWKEEP, installed / "flowkeep"))
    assert here.stdout == there.stdout
