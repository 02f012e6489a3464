"""What a Citus takes of statements, as far as their text tells: rules, and what is exempt with its reason.

Each names what it refuses; `tests/distributed/test_rules.py` shows it of examples.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from db.distribution import REFERENCE
from db.partitions import TREE

# Of an execution: by a value, which leads to its node.
_OF_ONE = re.compile(r"\b(?:\w+\.)?(?:execution_id|id) = (?:\$\d+|a\.id|g\.execution_id)")
_LOCK = re.compile(r"\bFOR (?:NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)\b")
_RECURSIVE = re.compile(r"\bWITH RECURSIVE\b")
_EVERYWHERE = re.compile(rf"(?:unnest|json\w+)\(|(?:{'|'.join(REFERENCE)})\b")
_NAMELESS = re.compile(r"\(\s*SELECT FROM (?:[^()]|\([^()]*\))*\bLIMIT\b")
_TREE = re.compile(rf"\b(?:FROM|JOIN|UPDATE|INTO) (?:{'|'.join(TREE)})\b")
# Parts of statements that are exempt from a rule, with the reason.
EXEMPT = {
    "FROM (SELECT $1::uuid AS id": "all of it is of one execution, by the value of which it is found",
}


def breaches(statements: Iterable[str]) -> Iterator[str]:
    """Each statement that a Citus would refuse, with why."""
    for statement in statements:
        flat = " ".join(statement.split())
        if not _TREE.search(flat) or any(part in flat for part in EXEMPT):
            continue
        for why, broken in RULES.items():
            if broken(flat):
                yield f"{why}: {flat}"


def _locks_many(statement: str) -> bool:
    return bool(_LOCK.search(statement)) and not _OF_ONE.search(statement)


def _recurses_over_many(statement: str) -> bool:
    return bool(_RECURSIVE.search(statement)) and not _OF_ONE.search(statement)


def _limits_beside_what_is_everywhere(statement: str) -> bool:
    beside = [match.end() for match in re.finditer(r"\bLATERAL \(", statement)]
    return any(
        " LIMIT " in _inside(statement, at) and _EVERYWHERE.match(_source(statement, at)) for at in beside
    )


def _inside(statement: str, start: int) -> str:
    """What is between a parenthesis before `start` and the one that closes it."""
    depth, at = 1, start
    while depth and at < len(statement):
        depth += {"(": 1, ")": -1}.get(statement[at], 0)
        at += 1
    return statement[start:at]


def _source(statement: str, end: int) -> str:
    """What the FROM names, in which a subquery begins at `end`, up to there."""
    depth = 0
    for at in range(end - 2, 0, -1):
        depth += {")": 1, "(": -1}.get(statement[at], 0)
        if depth < 0:
            return ""
        if depth == 0 and statement.startswith("FROM ", at):
            return statement[at + 5 : end]
    return ""


RULES: dict[str, Callable[[str], object]] = {
    "rows are locked without an equality on the execution": _locks_many,
    "a recursion has no equality on the execution": _recurses_over_many,
    "there is a LIMIT beside rows of a function or of a table that is everywhere": (
        _limits_beside_what_is_everywhere
    ),
    "a subquery with a LIMIT has no column": _NAMELESS.search,
}
