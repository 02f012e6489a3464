"""`flowkeep settings`."""

from typing import Any

import orjson
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from db.database_url import masked_url
from graph.commands.common import AsJson
from graph.commands.environment import load_settings, warn_of_unknown_variables
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
        typer.echo(orjson.dumps(shown))
        return
    table = Table("name", "value", "from", box=None, pad_edge=False)
    for row in shown:
        table.add_row(row["name"], _written(row["value"]), row["from"])
    Console(width=None if Console().is_terminal else 250, markup=False, highlight=False).print(table)


def _plain(name: str, value: object) -> Any:
    """As JSON has it, without what is secret."""
    if name == "database_url" and isinstance(value, SecretStr):
        return masked_url(value.get_secret_value())
    return value if isinstance(value, bool | int | float | tuple | None) else str(value)


def _written(value: Any) -> str:
    """As a variable would have it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
