"""From JSON and from literals to what resolvers take, compiled once a document.

Whole columns are coerced at once: all `message`s of a thousand log entries are one list. What does not fit
raises `Unfit` and says no more; graphql-core is then asked the same, and says what is wrong in its own
words.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol

from graph.execution.errors import attempted

Variables = Mapping[str, Any]
MISSING: Any = object()


class Unfit(Exception):
    """A value that its type does not take."""


class Coercion(Protocol):
    """What an input type makes of values."""

    def column(self, values: list[Any]) -> list[Any]:
        """The values as resolvers take them; raises `Unfit`."""
        ...


@dataclass(frozen=True, slots=True)
class EnumInput:
    """Names of an enum's members: few, however many values there are."""

    coerce: Callable[[Any], Any]

    def column(self, values: list[Any]) -> list[Any]:
        """Each name once."""
        if not all(isinstance(value, str) for value in values):
            raise Unfit
        names = list({*values})
        members = dict(zip(names, LeafInput(self.coerce).column(names), strict=True))
        return [members[value] for value in values]


@dataclass(frozen=True, slots=True)
class LeafInput:
    """Scalars; values that are all of the type `exact` stay as they are."""

    coerce: Callable[[Any], Any]
    exact: type | None = None

    def column(self, values: list[Any]) -> list[Any]:
        """Each by itself."""
        if self.exact is not None and {*map(type, values)} <= {self.exact}:
            return values
        coerced = attempted(lambda: list(map(self.coerce, values)))
        if isinstance(coerced, Exception):
            raise Unfit
        return coerced  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class OptionalInput:
    """Null, or what the type inside takes."""

    inner: Coercion

    def column(self, values: list[Any]) -> list[Any]:
        """Those that are given as one column."""
        given = [value for value in values if value is not None]
        if len(given) == len(values):
            return self.inner.column(values)
        coerced = iter(self.inner.column(given))
        return [None if value is None else next(coerced) for value in values]


@dataclass(frozen=True, slots=True)
class RequiredInput:
    """Anything but null."""

    inner: Coercion

    def column(self, values: list[Any]) -> list[Any]:
        """As the type inside takes them."""
        if None in values:
            raise Unfit
        return self.inner.column(values)


@dataclass(frozen=True, slots=True)
class ListInput:
    """Lists, and single values as lists of one."""

    item: Coercion

    def column(self, values: list[Any]) -> list[Any]:
        """The items of all lists as one column, then cut again."""
        lists = [value if isinstance(value, list) else [value] for value in values]
        coerced = self.item.column([item for items in lists for item in items])
        if len(lists) == 1:
            return [list(coerced)]
        cut, at = [], 0
        for items in lists:
            cut.append(coerced[at : at + len(items)])
            at += len(items)
        return cut


@dataclass(frozen=True, slots=True)
class InputField:
    """A field of an input type; `absent` is its value where it is left out, MISSING for the class's own."""

    name: str
    python_name: str
    coercion: Coercion
    required: bool
    absent: Any = MISSING


@dataclass(slots=True)
class ObjectInput:
    """Input types: instances of their classes. `fields` are set once all types are known."""

    made_of: type
    one_of: bool
    fields: dict[str, InputField] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    absent: dict[str, Any] = field(default_factory=dict)

    def column(self, values: list[Any]) -> list[Any]:
        """Column by column, then put together."""
        if not values:
            return []
        if not all(isinstance(value, dict) for value in values):
            raise Unfit
        if self.one_of and not all(len(value) == 1 and None not in value.values() for value in values):
            raise Unfit
        given = [dict(self.absent) for _ in values]
        names = values[0].keys() if len(values) == 1 else set().union(*values)
        if not (names <= self.fields.keys() and self.required <= names):
            raise Unfit
        for name in names:
            self._add(self.fields[name], values, given)
        return [self.made_of(**arguments) for arguments in given]

    def _add(self, part: InputField, values: list[Any], given: list[dict[str, Any]]) -> None:
        name, python_name = part.name, part.python_name
        column = [value[name] for value in values if name in value]
        if len(column) < len(values):
            if part.required:
                raise Unfit
            given = [one for one, value in zip(given, values, strict=True) if name in value]
        for one, coerced in zip(given, part.coercion.column(column), strict=True):
            one[python_name] = coerced


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an operation; `default` makes the value that it has unless given."""

    name: str
    coercion: Coercion
    required: bool
    default: "Literal | None"


def coerced_variables(declared: tuple[Variable, ...], given: Variables) -> dict[str, Any]:
    """The values of an operation's variables; raises `Unfit`."""
    coerced: dict[str, Any] = {}
    for variable in declared:
        value = given.get(variable.name, MISSING)
        if value is not MISSING:
            (coerced[variable.name],) = variable.coercion.column([value])
        elif variable.default is not None:
            coerced[variable.name] = variable.default(coerced)
        elif variable.required:
            raise Unfit
    return coerced


# The value of a literal with these variables; raises `Unfit`.
Literal = Callable[[Variables], Any]


def constant(value: Any) -> Literal:
    """A literal that is the same whatever the variables are."""
    if isinstance(value, list | dict):  # JSON, of which each request gets its own
        return lambda variables: deepcopy(value)
    return lambda variables: value


def unfit(variables: Variables) -> Any:
    """A literal that graphql-core is to read."""
    raise Unfit


def named(name: str, *, required: bool) -> Literal:
    """A variable; what was not given is MISSING."""

    def value(variables: Variables) -> Any:
        found = variables.get(name, MISSING)
        if required and found is None:
            raise Unfit
        return found

    return value


def listed(items: list[Literal], *, required: bool) -> Literal:
    """A list of literals; an item that was not given is null where it may be."""

    def value(variables: Variables) -> list[Any]:
        found = [item(variables) for item in items]
        if not any(item is MISSING for item in found):
            return found
        if required:
            raise Unfit
        return [None if item is MISSING else item for item in found]

    return value


@dataclass(frozen=True, slots=True)
class ObjectLiteral:
    """An input object written in the document: its fields, those left out with None."""

    made_of: type
    one_of: bool
    fields: tuple[tuple[InputField, Literal | None], ...]

    def __call__(self, variables: Variables) -> Any:
        """An instance of its class."""
        given = {}
        for part, literal in self.fields:
            value = MISSING if literal is None else literal(variables)
            if value is not MISSING:
                given[part.python_name] = value
            elif part.required:
                raise Unfit
            elif part.absent is not MISSING:
                given[part.python_name] = part.absent
        if self.one_of and (len(given) != 1 or None in given.values()):
            raise Unfit
        return self.made_of(**given)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a field: Python names, whether they must be given, and what was written.

    `source` is what graphql-core would make them of.
    """

    literals: tuple[tuple[str, bool, Literal], ...]
    source: Any

    def given(self, variables: Variables) -> dict[str, Any]:
        """Those that were given; raises `Unfit`."""
        found = {}
        for name, required, literal in self.literals:
            value = literal(variables)
            if value is not MISSING:
                found[name] = value
            elif required:
                raise Unfit
        return found
