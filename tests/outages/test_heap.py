"""What a serving process spares itself."""

import asyncio
import sys

from db.engine import Database
from tests.outages.test_shutdown import Running

LOOKING = """
import atexit, gc, sys
from graph import cli
atexit.register(lambda: print("frozen:", gc.get_freeze_count(), file=sys.stderr))
cli.main()
"""


async def test_collections_leave_out_what_was_made_at_start_up(worker_url: str, database: Database) -> None:
    running = await asyncio.to_thread(Running, worker_url, command=(sys.executable, "-c", LOOKING))
    running.process.terminate()
    _, said = await running.ended()
    assert int(said.rpartition("frozen: ")[2]) > 100_000
