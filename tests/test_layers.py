"""The import rules: data flows one way, and a newcomer can rely on it."""

import ast
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
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


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imported(path: Path) -> set[str]:
    return set(imports(parsed(path)))


def offenders(folders: Sequence[str], faults: Callable[[Path], Collection[str]]) -> dict[str, list[str]]:
    """What each module of these folders has that it must not have."""
    found = {str(path.relative_to(ROOT)): sorted(faults(path)) for path in modules(*folders)}
    return {path: names for path, names in found.items() if names}


def reaching(*packages: str) -> Callable[[Path], set[str]]:
    """What of these packages a module imports."""
    return lambda path: {
        name for name in imported(path) for package in packages if f"{name}.".startswith(f"{package}.")
    }


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


RULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "db knows nothing of the API": (
        "db",
        ("graph", "strawberry", "graphql", "starlette", "uvicorn", "typer"),
    ),
    "the API speaks no SQL": ("graph", ("sqlalchemy", "asyncpg", "alembic")),
    "reads do not import writes": ("db/queries", ("db.writes",)),
    "writes do not import reads": ("db/writes", ("db.queries",)),
    "a migration stands on its own": ("migrations/versions", OURS),
}


@pytest.mark.parametrize("rule", RULES)
def test_what_is_not_imported(rule: str) -> None:
    folder, packages = RULES[rule]
    assert offenders([folder], reaching(*packages)) == {}


def hidden(path: Path) -> list[str]:
    """What of ours is imported within a function."""
    functions = (
        node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [name for function in functions for name in imports(function) if name.split(".")[0] in OURS]


def test_no_import_of_ours_hides_in_a_function() -> None:
    assert offenders(OURS, hidden) == {}


def environment(path: Path) -> list[str]:
    """Where the environment is read outside of functions and classes."""
    outside = [node for node in parsed(path).body if not isinstance(node, Definition)]
    return re.findall(r"os\.(?:environ|getenv)", "\n".join(map(ast.unparse, outside)))


def test_nothing_reads_the_environment_on_import() -> None:
    assert offenders(["db", "graph"], environment) == {}


def undocumented(path: Path) -> list[str]:
    return [node.name for node in public_of(parsed(path)) if not ast.get_docstring(node)]


def test_every_public_thing_is_documented() -> None:
    assert offenders(["db", "graph"], undocumented) == {}


# Where a newcomer looks for what the API has, whatever the concept.
HOMES = {
    "strawberry.input": {"inputs", "filters", "conditions", "writing"},
    "strawberry.mutation": {"mutations", "leases", "commits"},
    "strawberry.subscription": {"subscriptions"},
}


def misplaced(path: Path) -> list[str]:
    decorators = (
        ast.unparse(decorator).partition("(")[0]
        for node in ast.walk(parsed(path))
        if isinstance(node, Definition)
        for decorator in node.decorator_list
    )
    return [name for name in decorators if path.stem not in HOMES.get(name, {path.stem})]


def test_what_the_api_has_is_where_one_looks_for_it() -> None:
    assert offenders(["graph"], misplaced) == {}
