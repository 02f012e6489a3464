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
    "any node": (
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Workflow { name } "
        "... on Execution { status workflow { name } } } }",
        {"ids": []},
    ),
    "nothing": ("query ($no: Boolean!) { workflows { nodes { id @include(if: $no) } } }", {"no": False}),
    "a variable's history": (
        '{ executions { nodes { state { variable(key: "x") { key value history { edges { cursor node '
        "{ version op value } } totalCount } } } } } }",
        {},
    ),
    "literals": (
        '{ executions(first: 2, filter: {status: COMPLETED, createdAt: {gte: "2020-01-01T00:00:00Z"}, '
        'attributes: {a: [1, {b: null}]}, workflowName: {startsWith: "w"}}, '
        "orderBy: {field: STARTED_AT, direction: DESC}) { nodes { id } } }",
        {},
    ),
    "variables in literals": (
        "query ($s: [ExecutionStatus!], $t: DateTime) { executions(filter: {status: $s, "
        "createdAt: {gte: $t, lt: $t}, hasError: null}) { totalCount } }",
        {"s": ["PENDING"]},
    ),
}

MISSING = '"exec_00000000000070008000000000000000"'

# What is wrong with these is only found while they run.
WITH_ERRORS: dict[str, tuple[str, dict[str, Any]]] = {
    "a missing node": ('{ node(id: "wf_00000000000070008000000000000000") { id } }', {}),
    "no id": ('{ node(id: "x") { id } execution(id: "y") { id } }', {}),
    "missing among others": (
        f"{{ a: execution(id: {MISSING}) {{ id }} workflows {{ nodes {{ id }} }} }}",
        {},
    ),
    "nodes": (
        f'{{ nodes(ids: [{MISSING}, "x", "wf_00000000000070008000000000000000"]) {{ __typename id }} }}',
        {},
    ),
    "an error in every item": ("{ executions { nodes { id stateAt(version: 99) { version } } } }", {}),
    "an error in some items": ("{ executions { nodes { id stateAt(version: 1) { version } } } }", {}),
    "several errors of one item": (
        "{ executions { nodes { a: stateAt(version: 99) { id } b: stateAt(version: 98) { id } } } }",
        {},
    ),
    "a page too large": ("{ workflows { nodes { executions(first: 501) { nodes { id } } } } }", {}),
    "a page too large at the root": ("{ workflows(first: 501) { nodes { id } } }", {}),
    "a cursor that is none": (
        '{ workflows { nodes { executions(after: "x") { nodes { id } } } } health { version } }',
        {},
    ),
    "a count too high": ("{ workflows { totalCount(upTo: -1) } }", {}),
    "a filter of nothing": (f"{{ executions(filter: {{parentId: {MISSING}}}) {{ nodes {{ id }} }} }}", {}),
    "a checkpoint of another execution": (
        '{ executions { nodes { checkpoints { nodes { diff(from: "x") { added { key } } } } } } }',
        {},
    ),
    "null for an argument that can't be": (
        "query ($n: Int = 1) { workflows { totalCount(upTo: $n) } }",
        {"n": None},
    ),
    "null in a list": (
        'query ($t: String = "x") { executions(filter: {tags: {all: [$t]}}) { nodes { id } } }',
        {"t": None},
    ),
}

WRONG_VARIABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "left out": ("query ($id: ID!) { execution(id: $id) { id } }", {}),
    "null": ("query ($id: ID!) { execution(id: $id) { id } }", {"id": None}),
    "of another type": ("query ($n: Int) { workflows(first: $n) { nodes { id } } }", {"n": "x"}),
    "an enum's value that is none": (
        "query ($f: ExecutionFilter) { executions(filter: $f) { nodes { id } } }",
        {"f": {"status": ["COMPLETED", "DONE"]}},
    ),
    "a field that is none": (
        "query ($f: ExecutionFilter) { executions(filter: $f) { nodes { id } } }",
        {"f": {"statuses": ["COMPLETED"]}},
    ),
    "two of one": (
        "query ($f: ExecutionFilter) { executions(filter: $f) { nodes { id } } }",
        {"f": {"workflowName": {"eq": "a", "startsWith": "b"}}},
    ),
    "none of one": (
        "query ($f: ExecutionFilter) { executions(filter: $f) { nodes { id } } }",
        {"f": {"workflowName": {}}},
    ),
    "no moment": (
        "query ($f: ExecutionFilter) { executions(filter: $f) { nodes { id } } }",
        {"f": {"createdAt": {"gte": "yesterday"}}},
    ),
    "several": (
        "query ($a: Int!, $b: [ID!]!) { a: nodes(ids: $b) { id } workflows(first: $a) { nodes { id } } }",
        {"b": [1, None, {}]},
    ),
}

# Documents that no plan can be made of, and why.
UNPLANNED: dict[str, tuple[str, str]] = {
    "the schema": ("{ __schema { types { name } } }", "introspection"),
    "a type beside others": (
        '{ __type(name: "Workflow") { fields { name } } workflows { nodes { id } } }',
        "introspection",
    ),
}
