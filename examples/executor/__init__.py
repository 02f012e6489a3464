"""A small workflow executor: a few hundred lines that show how an engine uses Flowkeep, and that really run.

    python -m examples.executor --url http://127.0.0.1:8000/graphql --holder worker-1

Start as many as you like, on as many machines. Each claims executions, runs their steps in parallel as soon
as what they depend on is done, and commits every step with its output, the state, a checkpoint and its log in
one transaction. Kill one at any moment: another takes over from the last commit. What runs comes from the
workflow's definition:

    {"steps": [
        {"key": "fetch", "run": {"shell": "curl -s https://example.com"}, "retries": 2},
        {"key": "count", "run": {"python": "count_words"}, "dependsOn": ["fetch"], "with": {"least": 3}}
    ]}

`python` names a function that was registered with `@task` (`--tasks my.module` imports yours); it takes a
`Context` and returns anything that is JSON. `shell` is a command for `/bin/sh`: what it prints is its output
(as JSON, where it is that), what it prints on stderr is logged. It finds `FLOWKEEP_EXECUTION`,
`FLOWKEEP_STEP` and `FLOWKEEP_ATTEMPT` in its environment, and on its standard input
`{"with": …, "inputs": …, "input": …}`.

What it relies on:

- **Epochs.** A claim gives an epoch, every write carries it. A worker that slept through the end of its
  lease is answered `StaleLease`, changes nothing, and lets go.
- **Recovery.** `recoverExecution` keeps the steps that were committed and gives the others a new attempt.
  Whether a step had its effect just before its commit failed to come is not known then: steps run at least
  once, their commits count once. Make effects repeatable.
- **Idempotency keys.** When an answer is lost the same write is sent again with the same key.

`client.py` speaks GraphQL, `documents.py` has what it says; `definition.py` reads definitions; `tasks.py` and
`runners.py` run one attempt; `run.py` runs one execution; `worker.py` claims, keeps leases and lets go.
"""
