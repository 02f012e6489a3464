"""How large an answer is as JSON, known before it is made: what was fetched once may be shown many times."""

from typing import Any

import orjson
from graphql import GraphQLError

_OF_A_NUMBER = 8  # about; what matters is text


def require_room(data: Any, most_bytes: int) -> None:
    """Raise a `GraphQLError` TOO_LARGE, which names the field, for data that takes more than `most_bytes`."""
    _Weight(most_bytes).add(data, [])


class _Weight:
    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def add(self, value: Any, path: list[str | int]) -> None:
        if isinstance(value, dict):
            for key, part in value.items():
                self._left -= len(key)
                self.add(part, [*path, key])
        elif isinstance(value, list):
            for at, item in enumerate(value):
                self.add(item, [*path, at])
        elif isinstance(value, orjson.Fragment):
            self._take(len(orjson.dumps(value)), path)
        else:
            self._take(len(value) if isinstance(value, str) else _OF_A_NUMBER, path)

    def _take(self, size: int, path: list[str | int]) -> None:
        self._left -= size
        if self._left < 0:
            name = ".".join(str(part) for part in path if isinstance(part, str))
            raise GraphQLError(
                f"The answer takes more than {self._most} bytes: there is no room for `{name}`. "
                "Ask for fewer rows or fields at a time.",
                path=path,
                extensions={"code": "TOO_LARGE"},
            )
