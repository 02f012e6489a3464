"""The import rules: data flows one way, and a newcomer can rely on it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
OURS = ("db", "graph", "migrations", "tests")


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def imported(path: Path) -> set[str]:
    return set(imports(ast.parse(path.read_text())))


def reaches(path: Path, *packages: str) -> set[str]:
    return {name for name in imported(path) for package in packages if f"{name}.".startswith(f"{package}.")}


def public_of(body: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """Functions, classes and their methods, but not what a name or a description for the API says already."""
    for node in body.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            decorators = list(map(ast.unparse, node.decorator_list))
            if not any(name == "property" or name.startswith("strawberry.") for name in decorators):
                yield node
            if isinstance(node, ast.ClassDef):
                yield from public_of(node)


def room(module: str) -> str:
    """A module or package at the top of `db` or `graph`: `graph.http`, `db.engine`."""
    return ".".join(module.split(".")[:2])


def corridors() -> dict[str, set[str]]:
    """Which rooms each room imports from."""
    found: dict[str, set[str]] = {}
    for path in modules("db", "graph"):
        own = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found.setdefault(own, set()).update({room(name) for name in imported(path)} - {own})
    return found


def test_no_rooms_lie_in_a_circle() -> None:
    open_ = corridors()
    while leaves := {own for own, into in open_.items() if not into & open_.keys()}:
        open_ = {own: into for own, into in open_.items() if own not in leaves}
    assert open_ == {}


@pytest.mark.parametrize("path", modules("db"), ids=str)
def test_db_knows_nothing_of_the_api(path: Path) -> None:
    assert reaches(path, "graph", "strawberry", "graphql", "starlette", "uvicorn", "typer") == set()


@pytest.mark.parametrize("path", modules("graph"), ids=str)
def test_the_api_speaks_no_sql(path: Path) -> None:
    assert reaches(path, "sqlalchemy", "asyncpg", "alembic") == set()


@pytest.mark.parametrize("path", modules("db/queries"), ids=str)
def test_reads_do_not_import_writes(path: Path) -> None:
    assert reaches(path, "db.writes") == set()


@pytest.mark.parametrize("path", modules("db/writes"), ids=str)
def test_writes_do_not_import_reads(path: Path) -> None:
    assert reaches(path, "db.queries") == set()


@pytest.mark.parametrize("path", modules("migrations/versions"), ids=str)
def test_a_migration_stands_on_its_own(path: Path) -> None:
    assert reaches(path, *OURS) == set()


@pytest.mark.parametrize("path", modules("db", "graph", "migrations", "tests"), ids=str)
def test_no_import_of_ours_hides_in_a_function(path: Path) -> None:
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert not [name for function in functions for name in imports(function) if name.split(".")[0] in OURS]


@pytest.mark.parametrize("path", modules("db", "graph"), ids=str)
def test_nothing_reads_the_environment_on_import(path: Path) -> None:
    body = ast.parse(path.read_text()).body
    outside = [node for node in body if not isinstance(node, Definition)]
    assert not re.search(r"os\.(environ|getenv)", "\n".join(map(ast.unparse, outside)))


@pytest.mark.parametrize("path", modules("db", "graph"), ids=str)
def test_every_public_thing_is_documented(path: Path) -> None:
    assert [node.name for node in public_of(ast.parse(path.read_text())) if not ast.get_docstring(node)] == []


# Where a newcomer looks for what the API has, whatever the concept.
HOMES = {
    "strawberry.input": {"inputs", "filters", "conditions", "writing"},
    "strawberry.mutation": {"mutations", "leases", "commits"},
    "strawberry.subscription": {"subscriptions"},
}


@pytest.mark.parametrize("path", modules("graph"), ids=str)
def test_what_the_api_has_is_where_one_looks_for_it(path: Path) -> None:
    decorators = (
        ast.unparse(decorator).partition("(")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Definition)
        for decorator in node.decorator_list
    )
    assert [name for name in decorators if path.stem not in HOMES.get(name, {path.stem})] == []
