"""Log lines, as text for people or as JSON for what collects them; all go to standard error.

A line has the id of the request that it belongs to, which its answer carries as `X-Request-Id`.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from graph.settings import Settings
from graph.telemetry.record import CURRENT
from graph.visible import json_text, visible_lines

_OURS = ("flowkeep", "uvicorn")


class JsonLines(logging.Formatter):
    """One JSON object a line; what a record brings as `fields` becomes members of it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request := CURRENT.get()) is not None:
            line["requestId"] = request.id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json_text(line, str).decode()


class TextLines(logging.Formatter):
    """What a terminal shows."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s%(more)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, with a traceback below it where there is one."""
        fields = getattr(record, "fields", {})
        record.more = "".join(f" {name}={value!r}" for name, value in fields.items() if value is not None)
        return visible_lines(super().format(record))


def set_up(settings: Settings) -> None:
    """Log as the settings say, in this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    level = settings.log_level.upper()
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        # The server's own news of starting and stopping are not worth a line.
        logger.setLevel("WARNING" if name == "uvicorn" and level == "INFO" else level)
