"""Numbers of all workflows and of single ones, asked in one go."""

from db.engine import Database
from db.queries.filters import ExecutionFilter
from db.queries.statistics import Grouping, fetch_execution_stats
from tests.factories import Factory


async def test_each_asker_has_an_answer_of_its_own(database: Database, make: Factory) -> None:
    one, other = await make.workflow(), await make.workflow()
    await make.executions(2, one)
    await make.executions(1, other)
    async with database.reading() as connection:
        asked = [one, None, other]
        found = await fetch_execution_stats(connection, Grouping(), ExecutionFilter(), asked)
    assert [[group["count"] for group in groups] for groups in found] == [[2], [3], [1]]
