"""Scopes, by the schema itself: what reads or writes declares one, and nobody gets further without it."""

from collections.abc import Iterator
from inspect import iscoroutinefunction
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

from db.enums import Scope
from graph.auth.scopes import scope_of
from graph.auth.tokens import parse
from graph.ids import Kind, encode
from graph.private import definition_of
from graph.schema import core
from tests.client import Client
from tests.factories import Factory
from tests.http.conftest import Enter

SCHEMA = core
ROOTS = [root for root in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type) if root]
OPEN = {"viewer"}  # tells callers nothing but who they are
ROOT_FIELDS = [(root, name) for root in ROOTS for name in root.fields if name not in OPEN]


def _all_fields() -> Iterator[tuple[str, GraphQLField]]:
    for kind in SCHEMA.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            yield from ((f"{kind.name}.{name}", field) for name, field in kind.fields.items())


def _is_async(field: GraphQLField) -> bool:
    resolver = getattr(definition_of(field), "base_resolver", None)
    return resolver is not None and iscoroutinefunction(resolver.wrapped_func)


def value(kind: Any) -> str:
    """Some value of an input type that validation lets pass."""
    text = str(kind)
    if text.startswith("["):
        return "[]"
    named = get_named_type(kind)
    if is_leaf_type(named):
        by_name = {"Int": "1", "Float": "1", "Boolean": "true", "Long": "1", "JSON": "{}", "JSONObject": "{}"}
        values = getattr(named, "values", None)
        return next(iter(values)) if values else by_name.get(named.name, '"x"')
    needed = [name for name, field in named.fields.items() if str(field.type)[-1] == "!"]
    chosen = needed or list(named.fields)[:1]  # one, where exactly one is asked for
    return f"{{{', '.join(f'{name}: {value(named.fields[name].type)}' for name in chosen)}}}"


def root_document(root: GraphQLObjectType, name: str) -> str:
    """A document that asks for one root field, with arguments that validation lets pass."""
    field = root.fields[name]
    given = ", ".join(f"{key}: {value(of.type)}" for key, of in field.args.items() if str(of.type)[-1] == "!")
    selected = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    return f"{root.name.lower()} {{ {name}{f'({given})' if given else ''} {selected} }}"


def lacking(scope: Scope) -> list[Scope]:
    """All scopes that don't include this one."""
    return [other for other in Scope if other not in (scope, Scope.ADMIN)]


async def outcome(client: Client, document: str, **variables: Any) -> tuple[int, str | None]:
    """The status, and the code of the first error."""
    response = await client.http.post(client.url, json={"query": document, "variables": variables})
    errors = response.json().get("errors")
    return response.status_code, errors[0]["extensions"]["code"] if errors else None


@pytest.mark.parametrize(("root", "name"), ROOT_FIELDS, ids=str)
def test_every_root_field_declares_a_scope(root: GraphQLObjectType, name: str) -> None:
    assert scope_of(root.fields[name]) is not None


@pytest.mark.parametrize(
    ("name", "field"), [pair for pair in _all_fields() if _is_async(pair[1])], ids=lambda part: str(part)[:60]
)
def test_every_field_that_fetches_declares_a_scope(name: str, field: GraphQLField) -> None:
    assert scope_of(field) is not None, name


def test_mutations_take_write_or_admin() -> None:
    mutation = SCHEMA.mutation_type
    assert mutation is not None
    assert {scope_of(field) for field in mutation.fields.values()} == {Scope.WRITE, Scope.ADMIN}


@pytest.mark.parametrize("name", ["auditLog", "tokens", "createToken", "revokeToken"])
def test_what_rules_the_service_takes_admin(name: str) -> None:
    (field,) = (root.fields[name] for root in ROOTS if name in root.fields)
    assert scope_of(field) is Scope.ADMIN


@pytest.mark.parametrize(("root", "name"), ROOT_FIELDS, ids=str)
async def test_without_the_scope_a_root_field_is_forbidden(
    enter: Enter, root: GraphQLObjectType, name: str
) -> None:
    scope = scope_of(root.fields[name])
    client = await enter(*lacking(scope or Scope.READ))
    assert await outcome(client, root_document(root, name)) == (403, "FORBIDDEN")


@pytest.mark.parametrize(("root", "name"), ROOT_FIELDS, ids=str)
async def test_with_the_scope_it_is_not(enter: Enter, root: GraphQLObjectType, name: str) -> None:
    client = await enter(scope_of(root.fields[name]) or Scope.READ)
    _, code = await outcome(client, root_document(root, name))
    assert code not in ("FORBIDDEN", "GRAPHQL_VALIDATION_FAILED", "INTERNAL_SERVER_ERROR")


HIDDEN = {
    "an alias": "{ mine: auditLog { nodes { id } } }",
    "a fragment": "{ ...F } fragment F on Query { auditLog { nodes { id } } }",
    "an inline fragment": "{ ... { ... on Query { auditLog { nodes { id } } } } }",
    "a skipped field": "{ auditLog @skip(if: true) { nodes { id } } health { version } }",
    "beside what is allowed": "{ health { version } tokens { nodes { id } } }",
}


@pytest.mark.parametrize("name", HIDDEN)
async def test_hiding_a_field_does_not_help(enter: Enter, name: str) -> None:
    client = await enter(Scope.READ, Scope.WRITE)
    assert await outcome(client, HIDDEN[name]) == (403, "FORBIDDEN")


CREATE = """mutation ($input: CreateExecutionInput!) { createExecution(input: $input) {
    ... on ExecutionPayload { execution { id %s } } } }"""


# What a payload tells to who may only write: which row it is, how it stands, and when.
TOLD = {
    *("id", "seq", "key", "attempt", "name", "version", "revision", "stateVersion", "status", "state"),
    *("createdAt", "updatedAt", "startedAt", "completedAt", "lease"),
}


def test_payloads_tell_writers_which_rows_they_are_and_how_they_stand() -> None:
    kinds = [
        SCHEMA.type_map[name] for name in ("Execution", "Step", "ExecutionState", "Checkpoint", "Workflow")
    ]
    fields = [(name, field) for kind in kinds for name, field in kind.fields.items()]  # type: ignore[attr-defined]
    assert {name for name, field in fields if scope_of(field) is None} == TOLD


@pytest.mark.parametrize(
    "edge",
    [
        *("workflow { name }", "steps { totalCount }", "state { version }"),
        *("input", "attributes", "result", "tags", "error { message }", "... on Execution { mine: input }"),
    ],
)
async def test_what_a_payload_leads_to_takes_read(enter: Enter, make: Factory, edge: str) -> None:
    client = await enter(Scope.WRITE)
    given = {"workflowId": encode(Kind.WORKFLOW, await make.workflow())}
    assert await outcome(client, CREATE % edge, input=given) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("scopes", "edge"), [((Scope.WRITE,), ""), ((Scope.WRITE, Scope.READ), "workflow { name }")]
)
async def test_the_payload_itself_does_not(
    enter: Enter, make: Factory, scopes: tuple[Scope, ...], edge: str
) -> None:
    client = await enter(*scopes)
    given = {"workflowId": encode(Kind.WORKFLOW, await make.workflow())}
    assert await outcome(client, CREATE % edge, input=given) == (200, None)


NODE = "query ($id: ID!) { node(id: $id) { id } }"
NODES = "query ($id: ID!) { nodes(ids: [$id]) { id } }"


@pytest.mark.parametrize("document", [NODE, NODES], ids=["node", "nodes"])
@pytest.mark.parametrize(("scope", "code"), [(Scope.READ, "FORBIDDEN"), (Scope.ADMIN, None)])
@pytest.mark.parametrize("kind", [Kind.AUDIT_ENTRY, Kind.TOKEN])
async def test_nodes_of_the_rulers_take_admin(
    enter: Enter, make: Factory, kind: Kind, scope: Scope, code: str | None, document: str
) -> None:
    client = await enter(scope)
    key = await make.audit_entry() if kind is Kind.AUDIT_ENTRY else parse(await make.token())[0]
    assert await outcome(client, document, id=encode(kind, key)) == (200, code)


@pytest.mark.parametrize("kind", [Kind.AUDIT_ENTRY, Kind.TOKEN])
async def test_whether_there_is_such_a_node_is_not_told(enter: Enter, kind: Kind) -> None:
    client = await enter(Scope.READ)
    assert await outcome(client, NODE, id=f"{kind.prefix}_{'0' * 32}") == (200, "FORBIDDEN")


def test_no_payload_shows_a_token_to_a_writer() -> None:
    mutation = SCHEMA.mutation_type
    assert mutation is not None
    shown = {
        name
        for name, field in mutation.fields.items()
        if isinstance(union := get_named_type(field.type), GraphQLUnionType)
        for member in union.types
        for part in member.fields.values()
        if get_named_type(part.type).name == "Token"
    }
    assert shown == {"createToken", "revokeToken"}


@pytest.mark.parametrize("scopes", [(Scope.WRITE,), (Scope.READ, Scope.ADMIN)], ids=str)
async def test_everybody_may_ask_who_they_are(enter: Enter, scopes: tuple[Scope, ...]) -> None:
    client = await enter(*scopes, name="somebody")
    found = await client.ask("{ viewer { name scopes isAuthenticated } }")
    assert found == {"viewer": {"name": "somebody", "scopes": list(scopes), "isAuthenticated": True}}


async def test_where_nobody_is_asked_everybody_may_do_everything(client: Client) -> None:
    found = await client.ask("{ viewer { name scopes isAuthenticated } }")
    everything = {"name": "anonymous", "scopes": ["READ", "WRITE", "ADMIN"], "isAuthenticated": False}
    assert found == {"viewer": everything}
