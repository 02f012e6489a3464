"""Types that several aggregates share."""

from typing import Any, Self

import orjson
import strawberry

from graph.scalars import JSON


@strawberry.type(description="What went wrong, as the engine reported it.")
class Failure:
    """The error of an execution or of a step."""

    message: str = strawberry.field(description="The error in words.")
    code: str | None = strawberry.field(description="The engine's own code for it.")
    details: JSON | None = strawberry.field(description="Anything more: a stack trace, the failing input.")
    retriable: bool | None = strawberry.field(description="Whether trying again may help.")

    @classmethod
    def from_json(cls, text: str | None) -> Self | None:
        """The error kept in a JSON column."""
        if text is None:
            return None
        error: dict[str, Any] = orjson.loads(text)
        details = error.get("details")
        return cls(
            message=str(error.get("message", "")),
            code=error.get("code"),
            details=JSON(None if details is None else orjson.dumps(details).decode()),
            retriable=error.get("retriable"),
        )
