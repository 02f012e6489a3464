"""What the commands print: nothing that was stored gets to a terminal but as visible text."""

from typing import Any

import typer

from graph.visible import json_text, visible


def say(text: str, *, err: bool = False) -> None:
    """Print a line in which there may be stored text."""
    typer.echo(visible(text), err=err)


def say_json(value: Any) -> None:
    """Print JSON on a line."""
    typer.echo(json_text(value))


def report(value: Any, sentence: str, *, as_json: bool) -> None:
    """Print what came of a command, for scripts or for people."""
    if as_json:
        say_json(value)
    else:
        say(sentence)
