"""Each mutation's union holds the errors that it can give, and no others, in one order.

What it can give is derived from the code: everything that its resolver reaches up to the write.
"""

import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type
from strawberry.types import get_object_definition

from graph.api.errors import REFUSALS
from graph.schema import Mutation
from tests.client import Client
from tests.graph.raising import Place, raised
from tests.mutations import OF_MANY, SCHEMA

ORDER = [refusal.__name__ for refusal in REFUSALS]
MUTATION = SCHEMA.mutation_type
FIELDS = {} if MUTATION is None else MUTATION.fields
SINGLE = [name for name in FIELDS if name not in OF_MANY]

# What the code alone doesn't tell.
HANDED: dict[Place, list[Place]] = {
    # A writer makes batches of what it was made for.
    ("db.writes.writer", "writer_of"): [("db.writes.batch", "Batch.make")],
    ("db.writes.writer", "creator_of"): [("db.writes.creations", "Creations.make")],
    # What an answer shows is read after the write, which stands: a row that is gone by then is no refusal.
    ("graph.nodes", "load_node"): [],
    # What writers could violate they refuse themselves: rows are inserted ON CONFLICT DO NOTHING, or under a
    # lock that all have to take who would insert the same.
    ("db.translation", "translate"): [],
}
# What is reached and still can't come about, and why not.
NEVER = {
    ("createToken", "IdempotencyConflict"): "its input has no idempotency key",
    ("deleteCheckpoint", "StaleLease"): "it shows no epoch, and has no guard but that the execution is there",
    ("pruneCheckpoints", "StaleLease"): "as with deleteCheckpoint",
    ("applyRetention", "StaleLease"): "as with deleteCheckpoint",
    ("recoverExecution", "VersionConflict"): "it saves the state without expecting a version",
    ("recoverExecution", "InvalidTransition"): "it cancels attempts that have not ended, which all allow",
}


def given(mutation: str) -> dict[str, list[Place]]:
    """The errors of unions that a mutation's resolver can come to."""
    fields = get_object_definition(Mutation, strict=True).fields
    resolver = next(field for field in fields if field.python_name == _snake(mutation)).base_resolver
    assert resolver is not None
    function = resolver.wrapped_func
    found = raised((function.__module__, function.__qualname__), HANDED)
    return {name: way for name, way in found.items() if name in ORDER}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def members(mutation: str) -> list[str]:
    """The errors of a mutation's union, in its order."""
    union = get_named_type(FIELDS[mutation].type)
    assert isinstance(union, GraphQLUnionType)
    return [member.name for member in union.types if member.interfaces]


@pytest.mark.parametrize("mutation", SINGLE)
def test_a_union_holds_what_its_mutation_can_give(mutation: str) -> None:
    reached = given(mutation)
    expected = [name for name in ORDER if name in reached and (mutation, name) not in NEVER]
    assert members(mutation) == expected, reached


@pytest.mark.parametrize(("mutation", "error"), NEVER)
def test_what_never_comes_is_still_reached(mutation: str, error: str) -> None:
    assert error in given(mutation)


@pytest.mark.parametrize("mutation", SINGLE)
def test_every_mutation_has_a_union_of_its_own(mutation: str) -> None:
    assert get_named_type(FIELDS[mutation].type).name == f"{mutation[0].upper()}{mutation[1:]}Result"


@pytest.mark.parametrize("mutation", OF_MANY)
def test_each_of_many_is_answered_as_by_the_mutation_for_one(mutation: str) -> None:
    payload = get_named_type(FIELDS[mutation].type)
    assert isinstance(payload, GraphQLObjectType)
    alone = FIELDS[mutation.removesuffix("s")]
    assert get_named_type(payload.fields["results"].type) == get_named_type(alone.type)


async def test_what_is_gone_by_the_time_of_the_answer_is_an_error_with_its_code(client: Client) -> None:
    create = """
        mutation { createWorkflow(input: { name: "a", version: "1", definition: {}, idempotencyKey: "k" }) {
            ... on WorkflowPayload { workflow { id name } } } }
    """
    made = await client.ask(create)
    workflow = made["createWorkflow"]["workflow"]["id"]
    await client.ask(
        "mutation ($id: ID!) { deleteWorkflow(input: { workflowId: $id }) { __typename } }", id=workflow
    )
    answer = (await client.http.post(client.url, json={"query": create})).json()
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "NOT_FOUND"}
    assert error["message"] == f"There is no workflow {workflow}."
