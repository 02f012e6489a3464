"""One document answered in both ways, on the same database."""

from typing import Any

import orjson
import strawberry
from graphql import OperationType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from db.engine import Database
from graph.auth.principals import ANONYMOUS
from graph.background import Background
from graph.context import Context
from graph.documents.document import Documents
from graph.errors import Rejection
from graph.execution.queries import FastQueries
from graph.live.tailer import Tailer
from graph.schema import schema
from graph.settings import Settings

SETTINGS = Settings()


class Both:
    """Asks the executor and graphql-core the same."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._schema: strawberry.Schema = schema
        self._documents = Documents(schema._schema, SETTINGS.document_limits)
        self._fast = FastQueries(schema)
        self._tailer = Tailer(database)

    async def answers(self, text: str, **variables: Any) -> tuple[bytes | None, bytes | None]:
        """The data in both ways: None where the executor hands over, or graphql-core finds errors."""
        try:
            document = self._documents.get(text)
        except Rejection:
            return None, None
        operation = document.operations[0]
        assert operation.kind is OperationType.QUERY
        executor: Any = StrawberryGraphQLCoreExecutionContext.build(
            self._schema._schema, document.ast, context_value=self._context(), raw_variable_values=variables
        )
        if isinstance(executor, list):
            return None, None
        fast = await self._fast.run(operation, executor, self._context())
        result: Any = executor.execute_operation()
        if not hasattr(result, "data"):
            result = await result
        return _text(fast), None if result.errors else _text(result.data)

    def _context(self) -> Context:
        return Context(self._database, SETTINGS.limits, ANONYMOUS, self._tailer, Background())


def _text(data: Any) -> bytes | None:
    return None if data is None else orjson.dumps(data, option=orjson.OPT_UTC_Z)
