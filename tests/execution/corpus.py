"""Documents that ask in every way there is, with variables where they take some."""

from typing import Any

CORPUS: dict[str, tuple[str, dict[str, Any]]] = {
    "dashboard": (
        "{ workflows(first: 20) { nodes { id name executions(first: 10) { nodes { id status "
        "steps(first: 10) { nodes { id key status logs(first: 10) { nodes { id level message "
        "} } } } } } } } }",
        {},
    ),
    "aliases": (
        "{ a: workflows(first: 1) { nodes { n: name id } } b: workflows(first: 2) { nodes { name } } }",
        {},
    ),
    "one list twice": (
        "{ workflows { nodes { a: executions(first: 1) { nodes { id } } b: executions(last: "
        "1) { nodes { id } } "
        "c: executions(first: 1) { totalCount } } } }",
        {},
    ),
    "fragments": (
        "{ workflows { ...A } } fragment A on WorkflowConnection { nodes { ...B id } } "
        "fragment B on Workflow { name ... on Workflow { version } ... { status } }",
        {},
    ),
    "merged fields": (
        "{ workflows { nodes { executions { nodes { id } } executions { nodes { status } "
        "pageInfo { endCursor } } } } }",
        {},
    ),
    "conditions": (
        "query ($yes: Boolean!, $no: Boolean!) { workflows { nodes { id @include(if: $no) "
        "name @skip(if: $no) "
        "... @include(if: $yes) { version } } } }",
        {"yes": True, "no": False},
    ),
    "type names": (
        "{ __typename workflows { __typename edges { __typename cursor node { __typename id } } "
        "nodes { __typename executions { __typename nodes { __typename lease { __typename } } } } } }",
        {},
    ),
    "pages": (
        "query ($n: Int = 1) { executions(first: $n) { edges { cursor node { id } } "
        "totalCount totalCountIsExact "
        "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }",
        {},
    ),
    "backwards": ("{ executions(last: 1, orderBy: {field: STARTED_AT}) { nodes { id startedAt } } }", {}),
    "filters": (
        "query ($f: ExecutionFilter) { executions(filter: $f) { nodes { id status } totalCount(upTo: 2) } }",
        {"f": {"status": ["COMPLETED", "PENDING"]}},
    ),
    "all of an execution": (
        "{ executions { nodes { id status triggerType triggeredBy correlationId input result attributes tags "
        "createdAt startedAt completedAt error { message code details retriable } duration "
        "lease { holder epoch expiresAt heartbeatAt } workflow { id definition tags priority } parent { id } "
        "forkedFrom { id } latestCheckpoint { id seq } } } }",
        {},
    ),
    "state": (
        "{ executions { nodes { state { id version variables currentStep completedSteps } "
        "stateAt(version: 0) { version variables } checkpoints { nodes { id label state { "
        "version } } } } } }",
        {},
    ),
    "metrics": (
        "{ executions { nodes { metrics { steps attempts retries errorRate duration queueWait "
        "busyTime values "
        "stepsByStatus { status count } points { nodes { name value step { key } } } } } } }",
        {},
    ),
    "records": (
        "{ executions { nodes { events { nodes { id seq type actor at changes } } "
        "logs(filter: {minLevel: WARN}) { nodes { id seq level message fields loggedAt step { key } } } "
        "steps { nodes { id seq key attempt name type status input output dependsOn metrics "
        "error { message } "
        "duration execution { id } } } } } }",
        {},
    ),
    "up and down": (
        "{ executions(first: 2) { nodes { workflow { executions(first: 1) { nodes { workflow "
        "{ name } } } } } } }",
        {},
    ),
    "nothing there": (
        '{ workflows(filter: {name: {eq: "none"}}) { nodes { executions { nodes { id } } } } }',
        {},
    ),
    "no selection of rows": ("{ workflows { totalCount } executions { pageInfo { hasNextPage } } }", {}),
    "health": ("{ health { version } }", {}),
}

HANDED_OVER: dict[str, tuple[str, dict[str, Any]]] = {
    "introspection": ("{ __schema { types { name } } }", {}),
    "a node": ('{ node(id: "wf_00000000000070008000000000000000") { id } }', {}),
    "an error": ('{ execution(id: "exec_00000000000070008000000000000000") { id } }', {}),
    "an error below": ("{ executions { nodes { stateAt(version: 99) { version } } } }", {}),
    "a page too large": ("{ workflows { nodes { executions(first: 501) { nodes { id } } } } }", {}),
}
