"""Rows for people."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from graph.visible import visible


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in which there may be stored text.

    Where there is no terminal they are as wide as they need to be: a cut id could not be used.
    """
    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(visible, row))
    width = None if Console().is_terminal else 250
    Console(width=width, markup=False, highlight=False, emoji=False).print(table)
