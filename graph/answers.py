"""How large an answer is as JSON, known before it is made: what was fetched once may be shown many times."""

from collections.abc import Iterable
from typing import Any

import orjson
from graphql import GraphQLError

_OF_A_NUMBER = 8  # about; what matters is text


def require_room(data: Any, most_bytes: int) -> None:
    """Raise a `GraphQLError` TOO_LARGE, which names the field, for data that takes more than `most_bytes`."""
    try:
        _Weight(most_bytes).add(data)
    except _Full as full:
        path = full.path[::-1]
        name = ".".join(str(part) for part in path if isinstance(part, str))
        raise GraphQLError(
            f"The answer takes more than {most_bytes} bytes: there is no room for `{name}`. "
            "Ask for fewer rows or fields at a time.",
            path=path,
            extensions={"code": "TOO_LARGE"},
        ) from None


class _Full(Exception):
    """There is no room for a value; `path` is put together on the way up, from its end."""

    def __init__(self) -> None:
        self.path: list[str | int] = []


class _Weight:
    def __init__(self, most: int) -> None:
        self._left = most

    def add(self, value: Any) -> None:
        if isinstance(value, dict):
            self._add_all(value.items())
            self._left -= sum(map(len, value))
        elif isinstance(value, list):
            self._add_all(enumerate(value))
        elif isinstance(value, orjson.Fragment):
            self._left -= len(orjson.dumps(value))
        else:
            self._left -= len(value) if isinstance(value, str) else _OF_A_NUMBER
        if self._left < 0:
            raise _Full

    def _add_all(self, parts: Iterable[tuple[str | int, Any]]) -> None:
        for key, part in parts:
            try:
                self.add(part)
            except _Full as full:
                full.path.append(key)
                raise
