"""What all models share: the metadata with its names, column types, and CHECK helpers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, mapped_column
from sqlalchemy.types import TypeDecorator

from db.enums import quoted
from db.moments import INFINITIES

T = TypeVar("T")


class Document(TypeDecorator[Any]):
    """JSON as Python values. The driver gives it as text, which is what reads want."""

    impl = JSON
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(none_as_null=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value that the text stands for."""
        return None if value is None else orjson.loads(value)


class Searchable(Document):
    """The same, as jsonb."""

    impl = JSONB
    cache_ok = True


class Moment(TypeDecorator[datetime]):
    """A moment with its zone, also at the ends of the calendar (`db.moments`)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_expression(self, bindparam: BindParameter[Any]) -> ColumnElement[Any]:
        """The parameter as it was meant."""
        infinities = ((bindparam == _moment(text), _moment(end)) for text, end in INFINITIES.items())
        return case(*infinities, else_=bindparam)


def _moment(text: str) -> ColumnElement[Any]:
    return literal_column(f"timestamptz '{text}'")


# Byte order: a keyset page over names then walks the index, and a prefix search can use it.
text_c = Text(collation="C")

uuid_pk = Annotated[UUID, mapped_column(Uuid, primary_key=True)]
execution_pk = Annotated[
    UUID, mapped_column(Uuid, ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True)
]
unlinked_execution_pk = Annotated[UUID, mapped_column(Uuid, primary_key=True)]
seq_pk = Annotated[int, mapped_column(BigInteger, primary_key=True)]
count = Annotated[int, mapped_column(BigInteger, server_default=text("0"))]
bigint = Annotated[int, mapped_column(BigInteger)]
word = Annotated[str, mapped_column(text_c)]
prose = Annotated[str, mapped_column(Text)]
words = Annotated[list[str], mapped_column(ARRAY(Text), server_default=text("'{}'"))]
# json keeps a document as it was sent (key order, numbers); jsonb is for what the database searches.
document = Annotated[Any, mapped_column(Document)]
searchable = Annotated[Any, mapped_column(Searchable)]
moment = Annotated[datetime, mapped_column(Moment)]
now = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]

# Rows of the execution tree live in ranges of the execution's UUIDv7: ranges of time.
BY_EXECUTION = {"postgresql_partition_by": "RANGE (execution_id)"}


class Base(DeclarativeBase):
    """Declarative base; the convention names what is not named by hand."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s",
        }
    )


def table(model: type[Base]) -> Table:
    """The model's table: what is written in statements is written to it, without the ORM's bookkeeping."""
    found = model.__table__
    assert isinstance(found, Table)
    return found


def check(name: str, condition: str) -> CheckConstraint:
    """A CHECK whose name says which rule a refused row broke."""
    return CheckConstraint(condition, name=name)


def one_of(column: str, values: Iterable[str]) -> str:
    """SQL: `column` holds one of `values`."""
    return f"{column} IN {quoted(values)}"


def among(column: InstrumentedAttribute[T], values: Iterable[T]) -> ColumnElement[bool]:
    """SQL: `column` holds one of `values`, which are one parameter however many they are."""
    return column == any_(bindparam(None, list(values), ARRAY(column.type)))


def json_object(column: str, kind: str = "json") -> str:
    """SQL: `column` holds a JSON object (or NULL)."""
    return f"{kind}_typeof({column}) = 'object'"
