"""How a checkout becomes a wheel with one top-level package.

A checkout has `db`, `graph` and `migrations` at its top, which is a good place to find them and a bad name to
install: another distribution's `db` would overwrite ours. In the wheel they are `flowkeep.db` and so on, and
what names them in our own files is written accordingly: imports, and texts that are a module's name, by which
some are loaded later. Everything else stays as it is.
"""

import ast
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "flowkeep"
INSIDE = ("db", "graph", "migrations")
PAGES = Path("graph", "http", "static")


class Place(NamedTuple):
    """Line and byte, counted from 0, where a prefix comes before what stands there."""

    line: int
    column: int
    prefix: str
    before: str


class Together(BuildHookInterface[Any]):
    """Puts the package together in a temporary folder, from which the wheel is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built; an editable one is the checkout itself."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="flowkeep-wheel-")
        root, package = Path(self.root), Path(self._folder.name) / PACKAGE
        put_together(root, package)
        build_data["force_include"][str(package)] = PACKAGE
        if not (root / PAGES / "index.html").is_file():
            self.app.display_warning("This wheel has no pages for browsers: `make wheel` builds them first.")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called once the wheel is there."""
        if version != "editable":
            self._folder.cleanup()


def put_together(root: Path, package: Path) -> None:
    """Make the package's folder from the checkout at `root`."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / PACKAGE, package, ignore=ignored)
    for name in INSIDE:
        shutil.copytree(root / name, package / name, ignore=ignored)
    shutil.copy(root / "schema.graphql", package)
    modules = {".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*.py")}
    for path in package.rglob("*.py"):
        path.write_bytes(moved(path.read_bytes(), modules))


def moved(source: bytes, modules: set[str]) -> bytes:
    """A module's source with our modules where the package has them."""
    lines = source.splitlines(keepends=True)
    for place in sorted(_places(ast.parse(source), modules), reverse=True):
        line = lines[place.line]
        if not line[place.column :].startswith(place.before.encode()):
            raise SyntaxError(f"line {place.line + 1}: name {place.before} in a plainer way")
        lines[place.line] = line[: place.column] + place.prefix.encode() + line[place.column :]
    return b"".join(lines)


def _places(tree: ast.AST, modules: set[str]) -> Iterator[Place]:
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), level=0) if _ours(module):
                yield Place(node.lineno - 1, node.col_offset + len("from "), f"{PACKAGE}.", module)
            case ast.Import(names=names) if any(_ours(name.name) for name in names):
                # `import graph.x` would bind `graph`, which nobody installs.
                before = f"import {'' if '.' in names[0].name else names[0].name}"
                yield Place(node.lineno - 1, node.col_offset, f"from {PACKAGE} ", f"{before}\n")
            case ast.Constant(value=str(text)) if text.split(":")[0] in modules and "." in text:
                yield Place(node.lineno - 1, node.col_offset + len('"'), f"{PACKAGE}.", text)


def _ours(module: str) -> bool:
    return module.split(".")[0] in INSIDE
