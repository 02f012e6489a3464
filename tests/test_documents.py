"""The documents say what is so."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from db.transitions import EXECUTION_MOVES, STEP_MOVES, WORKFLOW_MOVES
from graph.api.errors import ErrorCode
from graph.errors import _STATUSES
from graph.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
TREE = re.search(r"```\n(db/.*?)```", ARCHITECTURE, re.DOTALL)
DESIGN = (ROOT / "docs" / "design.md").read_text()
DIAGRAMS = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", DESIGN, re.DOTALL)


def row(name: str) -> str:
    """A setting's row of the README's table, as it should be."""
    field = Settings.model_fields[name]
    default = "" if field.default in (None, ()) else f"`{field.default}`"
    return " ".join(f"| `FLOWKEEP_{name.upper()}` | {default} | {field.description} |".split())


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_settings_table_is_complete(name: str) -> None:
    assert row(name) in README


def codes(source: str) -> Iterator[str]:
    """The codes of errors that a module names: as a class's, in an error's extensions, or for a refusal."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(targets=[ast.Name("code")], value=ast.Constant(str(code))):
                yield code
            case ast.Dict(keys=[ast.Constant("code"), *_], values=[ast.Constant(str(code)), *_]):
                yield code
            case ast.Call(
                func=ast.Attribute(attr="of" | "append") | ast.Name("Turned" | "_with"), args=arguments
            ):
                for argument in arguments:
                    match argument:
                        case ast.Constant(str(code)) if re.fullmatch(r"[A-Z]{3,}(_[A-Z]+)*", code):
                            yield code


def test_every_code_of_an_error_is_told() -> None:
    files = [path for folder in ("db", "graph") for path in (ROOT / folder).rglob("*.py")]
    found = {code for path in files for code in codes(path.read_text())}
    # No caller sees that one: it ends a command.
    known = found.union(_STATUSES, ErrorCode.__members__) - {"NOT_READY"}
    assert {"TOO_COMPLEX", "RATE_LIMITED", "GONE", "GRAPHQL_PARSE_FAILED"} <= known
    assert {code for code in known if f"`{code}`" not in README} == set()


@pytest.mark.parametrize("command", ["make serve", "make test"])
def test_the_two_commands_are_on_the_first_screen(command: str) -> None:
    assert command in "\n".join(README.splitlines()[:20])


@pytest.mark.parametrize(
    "path",
    sorted(
        path for folder in ("db", "graph") for path in (ROOT / folder).iterdir() if path.name[0] not in "_."
    ),
    ids=lambda path: path.name,
)
def test_the_architecture_names_every_part(path: Path) -> None:
    assert TREE is not None
    assert (f"{path.name}/" if path.is_dir() else path.name) in TREE[1]


@pytest.mark.parametrize("document", [ARCHITECTURE, DESIGN], ids=["architecture", "design"])
def test_the_documents_name_nothing_that_is_not_there(document: str) -> None:
    named = re.findall(r"[a-z_]+\.(?:py|sql)\b", document)
    assert [name for name in named if not [*ROOT.glob(name), *ROOT.glob(f"[dgmt]*/**/{name}")]] == []


@pytest.mark.parametrize(
    ("diagram", "moves"),
    list(zip(DIAGRAMS, [WORKFLOW_MOVES, EXECUTION_MOVES, STEP_MOVES], strict=True)),
    ids=["workflows", "executions", "steps"],
)
def test_the_diagrams_are_the_transition_tables(diagram: str, moves: Mapping[str, tuple[str, ...]]) -> None:
    drawn = set(re.findall(r"(\w+) --> (\w+)", diagram))
    assert drawn == {(str(before), str(after)) for before, allowed in moves.items() for after in allowed}
