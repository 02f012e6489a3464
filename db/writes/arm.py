"""One table as the one statement of `rows.py` writes it.

Columns that a change leaves out are NULL and stay as they are; JSON goes as text, and the text `null`
empties a column.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from db.moments import finite

# Given as text and cast: the driver would ask for a codec of its own.
AS_TEXT = ("json", "jsonb")
EXECUTION = {"execution_id": "uuid"}


@dataclass(frozen=True)
class Arm:
    """How one table is written: the columns that rows give, each with its type, and the statement over them.

    `{given}` in the statement stands for the rows, under the alias `g`.
    """

    columns: Mapping[str, str]
    statement: str

    @property
    def key(self) -> str:
        """The column with the execution of a row, where it is of one."""
        return next(iter(self.columns))


def insert(table: str, columns: Mapping[str, str], **computed: str) -> Arm:
    """An arm that inserts rows as they are given, but for what is `computed` from them."""
    values = ", ".join(computed.get(name, _as_given(name, kind)) for name, kind in columns.items())
    return Arm(columns, f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {{given}}")


def _as_given(name: str, kind: str) -> str:
    if kind == "timestamptz":
        return finite(f"g.{name}")
    return f"g.{name}::{kind}" if kind in AS_TEXT else f"g.{name}"


def words(column: str, otherwise: str) -> str:
    """An array of texts from a JSON list; arrays of arrays could not be given as such."""
    return (
        f"CASE WHEN g.{column} IS NULL THEN {otherwise} "
        f"ELSE ARRAY(SELECT json_array_elements_text(g.{column}::json)) END"
    )
