"""What spares a statement the partitions of times before.

Beside a list of executions PostgreSQL knows only row by row in which partitions they are, and has got ready
for all of them by then: two years of months made a write a quarter slower. By a bound that it knows before it
begins, it leaves out those in which none of them can be.
"""

import re
from collections.abc import Sequence
from uuid import UUID


def narrowed(statement: str, key: str) -> str:
    """SQL, for `ranged`, that looks for the rows of the execution that is `key` from the first one on.

    There is no bound at the other end: PostgreSQL would take the two for a narrow range and read all that is
    in it, where it is to look for a key; and of times to come there are few partitions.
    """
    own = re.compile(rf"\b(\w+\.(?:execution_id|id)) = {re.escape(key)}\b")
    return own.sub(r"\g<0> AND \1 >= {first}", statement)


def few(key: str) -> str:
    """SQL, for `ranged`: what is given is in the range. It is, but PostgreSQL then expects few of it."""
    return f"{key} BETWEEN {{first}} AND {{last}}"


def ranged(statement: str, first: str, last: str) -> str:
    """The statement with parameters for the ends of the range, which `ends` gives."""
    return statement.replace("{first}", first).replace("{last}", last)


def ends(executions: Sequence[UUID]) -> tuple[UUID | None, UUID | None]:
    """The range that these are in: the first and the last of them."""
    return min(executions, default=None), max(executions, default=None)
