"""`flowkeep settings`."""

from typing import Any

import orjson
from pydantic import SecretStr

from db.database_url import masked_url
from graph.commands.common import AsJson
from graph.commands.environment import load_settings, warn_of_unknown_variables
from graph.commands.tables import print_table
from graph.commands.terminal import say_json
from graph.settings import Settings, variable


def show_settings(as_json: AsJson = False) -> None:
    """Print every setting with its value and where that came from; passwords and tokens are masked.

    Values come from the environment or are the defaults. `serve` has options that go before both.
    """
    warn_of_unknown_variables()
    settings = load_settings()
    shown = [
        {
            "name": variable(name),
            "value": _plain(name, getattr(settings, name)),
            "from": "environment" if name in settings.model_fields_set else "default",
        }
        for name in Settings.model_fields
    ]
    if as_json:
        say_json(shown)
        return
    rows = ((row["name"], _written(row["value"]), row["from"]) for row in shown)
    print_table(("name", "value", "from"), rows)


def _plain(name: str, value: object) -> Any:
    """As JSON has it, without what is secret."""
    if name in ("database_url", "replica_url") and isinstance(value, SecretStr):
        return masked_url(value.get_secret_value())
    return value if isinstance(value, bool | int | float | tuple | None) else str(value)


def _written(value: Any) -> str:
    """As a variable would have it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
