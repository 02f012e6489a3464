"""What jsonb does to numbers, and how their form is kept all the same.

jsonb keeps decimals, not doubles: it gives 1e+20 back as 100000000000000000000 and forgets the sign of
-0.0. A column that is searched as jsonb has therefore a second one of text, its name ending in `_exact`,
which is filled only where the form would be lost. Who reads takes that one first.
"""

import math
import re
from typing import Any

import orjson

# May also be part of a text, so it only says where to look.
_SUSPECT = re.compile(r"[0-9]e[+-]?[0-9]|-0\.0")


def exact_text(text: str) -> str | None:
    """The text for the `_exact` column: `text` itself where jsonb would change a number's form, or None."""
    return text if _SUSPECT.search(text) and _altered(orjson.loads(text)) else None


def _altered(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_altered, value.values()))
    if isinstance(value, list):
        return any(map(_altered, value))
    if not isinstance(value, float):
        return False
    return b"e" in orjson.dumps(value) or (value == 0 and math.copysign(1, value) < 0)


def as_written(table: str, column: str) -> str:
    """SQL: the text of a jsonb column with its numbers in the form that they were given in."""
    return f"coalesce({table}.{column}_exact::text, {table}.{column}::text)"


def differ(one: Any, other: Any) -> bool:
    """Whether two values are different JSON: 1, 1.0 and true are three, the order of keys says nothing."""
    return _canonical(one) != _canonical(other)


def same_json(one: str, other: str) -> bool:
    """Whether two texts are the same JSON, whatever the order of keys and the spaces between them."""
    return one == other or not differ(orjson.loads(one), orjson.loads(other))


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
