"""The GraphQL documents of an executor. Each has one field, `answer`: a payload, or why nothing changed."""

from gql import GraphQLRequest, gql

_REFUSAL = """
fragment Refusal on Error { __typename code message ... on StaleLease { holder epoch } }
"""


def _mutation(name: str, payload: str, fields: str) -> GraphQLRequest:
    """A document for one mutation whose input type and payload type go by the API's naming rule."""
    kind = f"{name[0].upper()}{name[1:]}"
    return gql(
        f"mutation {kind}($input: {_INPUTS.get(name, kind)}Input!) {{"
        f" answer: {name}(input: $input) {{ __typename ...Refusal ... on {payload} {{ {fields} }} }} }}"
        f"{_REFUSAL}"
    )


_INPUTS = {"heartbeat": "Lease"}

CLAIM = _mutation(
    "claimExecutions",
    "ClaimExecutionsPayload",
    """executions {
        id input
        lease { holder epoch }
        workflow { name version definition }
        steps(first: 1) { nodes { key } }
    }""",
)
RECOVER = _mutation(
    "recoverExecution",
    "RecoverExecutionPayload",
    "lease { holder epoch } state { completedSteps } keptSteps { key output } rerunSteps { key }",
)
HEARTBEAT = _mutation("heartbeat", "LeasePayload", "execution { status }")
RELEASE = _mutation("releaseLease", "LeasePayload", "lease { epoch }")
START = _mutation("startStep", "StepPayload", "step { attempt }")
COMMIT = _mutation("commitStep", "CommitStepPayload", "step { status } checkpoint { id }")
END = _mutation("transitionExecution", "ExecutionPayload", "execution { status }")
