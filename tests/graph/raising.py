"""Which of the domain's errors a function can come to, read from the code.

A function reaches what it mentions: functions and constants by name, methods by theirs (of the classes that
its module or the context of requests knows), and of a class what makes its objects. It can come to an error
of `db/errors.py` where it reaches what makes one. That may be more than ever happens, and less only for what
is handed over at run time.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
ERRORS = "db.errors"
CONTEXT = "graph.context"
# A module and a name in it: `function`, `Class`, `Class.method` or `CONSTANT`.
Place: TypeAlias = tuple[str, str]


@dataclass
class Module:
    """What a module's names stand for, and the code behind those that it defines."""

    name: str
    code: dict[str, ast.AST] = field(default_factory=dict)
    names: dict[str, Place] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> "Module":
        """The module in a file."""
        module = cls(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
        for statement in ast.parse(path.read_text()).body:
            module.take(statement)
        return module

    def take(self, statement: ast.stmt) -> None:
        """What a statement at the top imports or defines."""
        match statement:
            case ast.ImportFrom(module=str(source)):
                self.names |= {name.asname or name.name: (source, name.name) for name in statement.names}
            case ast.ClassDef(name=name):
                self.names[name] = (self.name, name)
                for part in statement.body:
                    if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                        self.code[f"{name}.{part.name}"] = part
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self.define(name, statement)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                self.define(name, statement)

    def define(self, name: str, code: ast.AST) -> None:
        """A function, or a constant."""
        self.names[name] = (self.name, name)
        self.code[name] = code

    def meant(self, node: ast.AST) -> Place | None:
        """What a name stands for, or that of a module which was imported."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                module = ".".join(self.names.get(name, ()))
                return (module, attribute) if module in modules() else None
        return None


@cache
def modules() -> Mapping[str, Module]:
    """All modules of the service."""
    paths = (path for folder in ("db", "graph") for path in (ROOT / folder).rglob("*.py"))
    return {module.name: module for module in map(Module.of, paths)}


@cache
def methods() -> Mapping[str, list[Place]]:
    """The methods of all classes, by their own names."""
    found: dict[str, list[Place]] = {}
    for module in modules().values():
        for name in module.code:
            if "." in name:
                found.setdefault(name.partition(".")[2], []).append((module.name, name))
    return found


def raised(start: Place, handed: Mapping[Place, list[Place]]) -> dict[str, list[Place]]:
    """The errors that a function can come to, each with a way to where it is made.

    `handed` has what stands for functions whose own code does not say what comes of them.
    """
    ways: dict[Place, list[Place]] = {start: [start]}
    found: dict[str, list[Place]] = {}
    waiting = [start]
    while waiting:
        place = waiting.pop(0)
        for error in _made(place) if place not in handed else ():
            found.setdefault(error, ways[place])
        for there in handed[place] if place in handed else _mentioned(place):
            if there not in ways:
                ways[there] = [*ways[place], there]
                waiting.append(there)
    return found


def _made(place: Place) -> Iterator[str]:
    """The errors that a function makes."""
    module = modules()[place[0]]
    for node in _running(module.code[place[1]]):
        there = module.meant(node.func) if isinstance(node, ast.Call) else None
        if there is not None and there[0] == ERRORS:
            yield there[1]


def _mentioned(place: Place) -> Iterator[Place]:
    module = modules()[place[0]]
    for node in _running(module.code[place[1]]):
        there = module.meant(node)
        if there is not None:
            yield from _behind(there)
        elif isinstance(node, ast.Attribute):
            known = {*module.names.values(), *modules()[CONTEXT].names.values()}
            for method in methods().get(node.attr, []):
                if method[0] != ERRORS and (method[0], method[1].partition(".")[0]) in known:
                    yield method


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All parts of a code that run: not its annotations."""
    for name, value in ast.iter_fields(node):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST) and name not in ("annotation", "returns"):
                yield part
                yield from _running(part)


def _behind(place: Place) -> Iterator[Place]:
    """The code that a name stands for: of a class, what makes its objects."""
    module = modules().get(place[0])
    if module is None or place[0] == ERRORS:
        return
    names = (place[1], f"{place[1]}.__init__", f"{place[1]}.__post_init__")
    yield from ((module.name, name) for name in names if name in module.code)
    passed_on = module.names.get(place[1], place)
    if passed_on != place:
        yield from _behind(passed_on)
