"""A schema where much goes wrong, answered as stock Strawberry does.

Errors in the middle of lists, nulls where none may be, values that can't be shown, unions and interfaces of
mixed types and of wrong ones.
"""

from typing import Annotated, Any, cast

import pytest
import strawberry
from graphql import GraphQLSchema, get_named_type, is_abstract_type, is_composite_type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.engine import Database
from db.errors import NotFound
from tests.execution.both import Both
from tests.sizes import examples


@strawberry.interface
class Numbered:
    """What all of them are."""

    number: int


@strawberry.type
class Sound(Numbered):
    """A thing with nothing wrong."""

    name: str = "sound"


@strawberry.type
class Stray(Numbered):
    """No member of the union."""


def trouble(number: int) -> Any:
    """A value, null, an error of the domain or a bug: by the number."""
    match number % 5:
        case 1:
            return None
        case 2:
            raise NotFound("thing", str(number))
        case 3:
            raise ZeroDivisionError
    return number


@strawberry.type
class Broken(Numbered):
    """A thing with everything wrong."""

    wrong: int = cast(int, "no number")
    nothing: int = cast(int, None)
    maybe_wrong: int | None = cast(int, "no number")

    @strawberry.field
    def some(self) -> int | None:
        """Wrong in some, and null may be."""
        return cast(int | None, trouble(self.number))

    @strawberry.field
    async def some_required(self) -> int:
        """The same where null may not be."""
        return cast(int, trouble(self.number))

    @strawberry.field
    def moved(self, by: int = 0) -> int:
        """With an argument."""
        return cast(int, trouble(self.number + by))

    @strawberry.field
    def numbers(self) -> list[int]:
        """Null in the middle of what may not be null."""
        return [1, cast(int, None if self.number % 2 else 2), 3]

    @strawberry.field
    def maybe_numbers(self) -> list[int] | None:
        """The same in a list that may be null."""
        return [1, cast(int, "x" if self.number % 2 else 2), 3]

    @strawberry.field
    def below(self) -> "list[Broken]":
        """More of them."""
        return things(self.number, 2)

    @strawberry.field
    async def maybe_below(self) -> "list[Broken | None] | None":
        """More of them, with nulls and errors among them."""
        return [None, *things(self.number + 1, 2)] if trouble(self.number) else None

    @strawberry.field
    def mixed(self) -> "list[Thing]":
        """All kinds, of which one is none of the union in some."""
        return [Sound(number=0), Broken(number=self.number + 1), *strays(self.number)]

    @strawberry.field
    def maybe_mixed(self) -> "list[Thing | None]":
        """The same with nulls."""
        return [None, Broken(number=self.number), *strays(self.number), Sound(number=1)]

    @strawberry.field
    def numbered(self) -> list[Numbered]:
        """By their interface."""
        return [Sound(number=0), Broken(number=self.number), Stray(number=2)]


Thing = Annotated[Sound | Broken, strawberry.union("Thing")]


def things(start: int, number: int) -> list[Broken]:
    """Some in a row."""
    return [Broken(number=at) for at in range(start, start + number)]


def strays(number: int) -> list[Any]:
    """What is none of the union, for every third."""
    return [] if number % 3 else [Stray(number=number)]


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def all(self) -> list[Broken]:
        """Of every kind of trouble."""
        return things(0, 6)

    @strawberry.field
    async def maybe(self) -> list[Broken | None] | None:
        """The same where null may be."""
        return [*things(0, 6), None]

    @strawberry.field
    async def one(self, number: int = 0) -> Broken | None:
        """A single one."""
        return Broken(number=number)

    @strawberry.field
    def anything(self) -> Thing | None:
        """A single one of the union."""
        return Broken(number=4)


SCHEMA = strawberry.Schema(query=Query, types=[Stray])
CORE: GraphQLSchema = SCHEMA._schema


@st.composite
def selections(draw: st.DrawFn, kind: Any, depth: int) -> str:
    """Some of a type's fields, each by an alias of its own."""
    if is_abstract_type(kind):
        parts = [f"... on {one.name} {draw(selections(one, depth))}" for one in CORE.get_possible_types(kind)]
        return f"{{ __typename {' '.join(parts)} }}"
    leads = {name: is_composite_type(get_named_type(part.type)) for name, part in kind.fields.items()}
    names = [name for name, on in leads.items() if depth or not on]
    parts = []
    for at, name in enumerate(draw(st.lists(st.sampled_from(names), min_size=1, max_size=4))):
        below = draw(selections(get_named_type(kind.fields[name].type), depth - 1)) if leads[name] else ""
        given_ = (
            f"({next(iter(kind.fields[name].args))}: {draw(st.integers(0, 4))})"
            if kind.fields[name].args
            else ""
        )
        parts.append(f"f{depth}{at}: {name}{given_} {below}")
    return f"{{ {' '.join(parts)} }}"


@pytest.fixture
def both(database: Database) -> Both:
    """Both ways over this schema."""
    return Both(database, SCHEMA)


KEPT = {
    "an error in the middle of a list": "{ maybe { number some } }",
    "an item that takes itself along": "{ maybe { number someRequired } }",
    "an item that takes its list along": "{ all { number nothing } }",
    "a null among numbers": "{ maybe { numbers maybeNumbers } }",
    "what can't be shown": "{ one { maybeWrong } a: one { wrong } }",
    "mixed types": "{ maybe { maybeMixed { __typename ... on Sound { name } ... on Broken { some } } } }",
    "a stray among mixed types": "{ maybe { mixed { __typename ... on Numbered { number } } } }",
    "a stray alone": "{ one { mixed { __typename } } }",
    "an interface": "{ maybe { numbered { __typename number ... on Broken { someRequired } } } }",
    "deep below": "{ maybe { below { below { maybeBelow { number moved(by: 1) } } } } }",
    "all of it is gone": "{ all { below { below { wrong } } } one { number } }",
}


@pytest.mark.parametrize("name", KEPT)
async def test_what_goes_wrong_is_told_alike(both: Both, name: str) -> None:
    answer = await both.assert_alike(KEPT[name])
    assert answer is not None
    assert (bool(answer.errors), both.unplanned) == (True, None)


@settings(max_examples=examples(400), suppress_health_check=list(HealthCheck))
@given(selected=selections(CORE.query_type, 4))
async def test_what_goes_wrong_by_chance_is_told_alike(both: Both, selected: str) -> None:
    await both.assert_alike(selected)
    assert both.unplanned is None
