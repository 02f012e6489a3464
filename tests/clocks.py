"""Time that passes at once."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest

from graph.auth import authenticator, tokens

TOMORROW = datetime.now(UTC) + timedelta(days=1)
"""When a token may end that a test lets end by `DayPasses`."""


class _Later(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """What the clock shows two days later."""
        return super().now(tz) + timedelta(days=2)


class DayPasses:
    """Lets the time of all tokens end that end tomorrow, whenever it is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    async def __call__(self) -> None:
        for module in (tokens, authenticator):
            self._monkeypatch.setattr(module, "datetime", _Later)
