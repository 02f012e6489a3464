"""`flowkeep export-schema`."""

from pathlib import Path
from typing import Annotated

import typer

from graph.schema import as_text


def export_schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else printed.")
    ] = None,
) -> None:
    """Print the GraphQL schema in SDL, every type and field described."""
    text = as_text()
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text)
