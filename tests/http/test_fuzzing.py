"""Documents by the hundred over the whole schema: whatever is asked, nothing breaks."""

import json
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.client import Client
from tests.mutations import OF_TOKENS, SCHEMA
from tests.sizes import examples

ID = st.sampled_from([f"{prefix}_{'0' * 32}{end}" for prefix in ("wf", "exec", "step") for end in ("", "_1")])
TEXT = st.text(st.characters(codec="utf-8", exclude_characters='"\\\n\r'), max_size=8)
QUOTED = TEXT.map(lambda text: f'"{text}"')
INT = st.integers(-(2**33), 2**65).map(str) | st.integers(0, 5).map(str)
ANYTHING = st.one_of(st.just("null"), st.just("true"), INT, QUOTED, st.just("[]"), st.just("{}"))
SCALARS: dict[str, st.SearchStrategy[str]] = {
    "ID": ID.map(lambda id: f'"{id}"') | QUOTED,
    "String": QUOTED,
    "Boolean": st.sampled_from(["true", "false"]),
    "Int": INT,
    "Long": INT | INT.map(lambda number: f'"{number}"'),
    "Float": st.sampled_from(["0", "1.5", "-1e308", "1e400"]),
    "DateTime": st.sampled_from(['"2026-01-01T00:00:00Z"', '"0001-01-01T00:00:00+14:00"', '"x"']),
    "Duration": st.sampled_from(['"PT1S"', '"P9999999999D"', '"-P1D"', '"x"']),
}


@st.composite
def values(draw: st.DrawFn, kind: GraphQLInputType, depth: int = 0) -> str:
    """A value that mostly fits an input type."""
    if isinstance(kind, GraphQLNonNull):
        return str(draw(values(kind.of_type, depth)))
    if draw(st.integers(0, 30)) == 0:
        return str(draw(ANYTHING))
    if isinstance(kind, GraphQLList):
        return f"[{', '.join(draw(values(kind.of_type, depth + 1)) for _ in range(draw(st.integers(0, 2))))}]"
    if isinstance(kind, GraphQLEnumType):
        return str(draw(st.sampled_from(list(kind.values))))
    if isinstance(kind, GraphQLInputObjectType):
        names = [name for name, part in kind.fields.items() if _wanted(draw, part.type, depth)]
        return (
            f"{{{', '.join(f'{name}: {draw(values(kind.fields[name].type, depth + 1))}' for name in names)}}}"
        )
    return str(draw(SCALARS.get(get_named_type(kind).name, ANYTHING)))


def _wanted(draw: st.DrawFn, kind: Any, depth: int) -> bool:
    """Whether to give a value: always where one is needed, seldom far down."""
    return isinstance(kind, GraphQLNonNull) or draw(st.integers(0, 2 + depth)) == 0


@st.composite
def selections(draw: st.DrawFn, kind: Any, depth: int) -> str:
    """A selection of a type's fields, with aliases of their own so that none conflict."""
    if not isinstance(kind, GraphQLObjectType):
        possible = [draw(st.sampled_from(SCHEMA.get_possible_types(kind)))]
        inner = " ".join(f"... on {part.name} {draw(selections(part, depth))}" for part in possible)
        return f"{{ __typename {inner} }}"
    names = [name for name in kind.fields if name not in OF_TOKENS and (depth or not _leads_on(kind, name))]
    chosen = draw(st.lists(st.sampled_from(names), max_size=3)) if names else []
    parts = [f"f{depth}{at}: {draw(fields(kind, name, depth))}" for at, name in enumerate(chosen)]
    return f"{{ __typename {' '.join(parts)} }}"


def _leads_on(kind: GraphQLObjectType, name: str) -> bool:
    return is_composite_type(get_named_type(kind.fields[name].type))


@st.composite
def fields(draw: st.DrawFn, kind: GraphQLObjectType, name: str, depth: int) -> str:
    """A field with some arguments and what it leads to."""
    field = kind.fields[name]
    given = [key for key, part in field.args.items() if _wanted(draw, part.type, 0)]
    arguments = ", ".join(f"{key}: {draw(values(field.args[key].type))}" for key in given)
    below = draw(selections(get_named_type(field.type), depth - 1)) if _leads_on(kind, name) else ""
    return f"{name}{f'({arguments})' if arguments else ''} {below}"


ROOTS = [root for root in (SCHEMA.query_type, SCHEMA.mutation_type) if root is not None]
DOCUMENTS = st.sampled_from(ROOTS).flatmap(
    lambda root: selections(root, 5).map(lambda selected: f"{root.name.lower()} {selected}")
)


@settings(max_examples=examples(400), suppress_health_check=list(HealthCheck))
@given(document=DOCUMENTS)
async def test_no_document_breaks_anything(client: Client, document: str) -> None:
    response = await client.http.post(client.url, json={"query": document})
    assert (response.status_code, "INTERNAL_SERVER_ERROR" in response.text) == (200, False), response.text


BODY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PARAMETERS = ("query", "variables", "operationName", "extensions", "documentId")


@settings(max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(body=st.dictionaries(st.sampled_from(PARAMETERS), BODY | st.just("{ __typename }")))
async def test_no_body_breaks_anything(client: Client, body: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.http.post(client.url, content=_json(body), headers=headers)
    assert response.status_code in (200, 400), response.text


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
