"""Deletions of more than the 32,767 items that a statement has parameters for."""

import pytest

from db.engine import Database
from db.enums import ExecutionStatus
from db.writes.checkpoints import prune_checkpoints
from db.writes.workflows import delete_workflow
from db.writes.write import Write
from tests.factories import Factory
from tests.rows import counts

MANY = 33_000
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


async def test_a_workflow_goes_with_all_its_executions(database: Database, make: Factory) -> None:
    workflow = await make.workflow()
    await make.executions(MANY, workflow, status=ExecutionStatus.COMPLETED)
    assert await delete_workflow(database, Write("test", b""), workflow, cascade=True) == MANY
    left = await counts(database)
    assert (left["executions"], left["deleted_executions"]) == (0, MANY)


async def test_all_checkpoints_but_the_last_ones_go(database: Database, make: Factory) -> None:
    execution = await make.execution()
    await make.checkpoints(execution, *[0] * MANY)
    write = Write("test", b"")
    going, _ = await prune_checkpoints(database, execution, write, 3, dry_run=False)
    assert going == list(range(1, MANY - 2))
    assert (await counts(database))["checkpoints"] == 3
