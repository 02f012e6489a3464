"""What could not be had: a value in its cell until it comes to a place that may be null.

The rules are those of the specification's "Handling Execution Errors": a place that may be null becomes
null, and its error is listed; any other takes the object around it along. Of a place that is gone in this
way one error is listed, the first by the order of fields, and none of what was below it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLError, located_error

# The number of the root object, then response keys and places in lists.
Path = tuple[str | int, ...]
PathOf = Callable[[int], Path]


class Fault:
    """What a cell holds instead of a value."""

    __slots__ = ("error",)

    def __init__(self, error: GraphQLError) -> None:
        self.error = error


@dataclass(frozen=True, slots=True)
class Spot:
    """A field of the document: what an error of it says of where it was."""

    nodes: Sequence[FieldNode]
    parent: str
    name: str

    def fault(self, error: Exception, path: Path) -> Fault:
        """An error of one cell."""
        return Fault(located_error(error, list(self.nodes), list(path[1:])))

    def absent(self, path: Path) -> Fault:
        """A null where none may be."""
        error = TypeError(f"Cannot return null for non-nullable field {self.parent}.{self.name}.")
        return self.fault(error, path)


@dataclass(slots=True)
class Errors:
    """The errors of one run, with the places that they made null.

    `bubbling` tells whether any cell holds a fault: columns are looked through for them only then.
    """

    bubbling: bool = False
    found: list[tuple[Path, GraphQLError]] = field(default_factory=list)

    def settle(self, cell: Any, path: Path, *, nullable: bool) -> Any:
        """The cell as its place takes it: null and an error in the list, or a fault that goes on."""
        if not isinstance(cell, Fault):
            return cell
        if nullable:
            self.found.append((path, cell.error))
            return None
        self.bubbling = True
        return cell

    def by_root(self, roots: int) -> list[list[GraphQLError]]:
        """What is to be listed for each root object."""
        listed: list[list[GraphQLError]] = [[] for _ in range(roots)]
        gone = {path for path, _ in self.found}
        for path, error in self.found:
            if not any(path[:length] in gone for length in range(1, len(path))):
                index = path[0]
                assert isinstance(index, int)
                listed[index].append(error)
        return listed


def faulty(cells: list[Any]) -> bool:
    """Whether a column holds faults."""
    return Fault in map(type, cells)


def attempted(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns, or the exception that it raises: at run time an error is a value."""
    try:
        return call(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a resolver raises is the error of its field
        return error


async def awaited(call: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
    """The same for what is waited for."""
    try:
        return await call(*arguments, **named)
    except Exception as error:  # noqa: BLE001 - as above
        return error
