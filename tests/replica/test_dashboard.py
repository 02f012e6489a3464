"""The dashboard shows what it did, however far the standby is behind."""

from db.engine import Database
from graph.ids import Kind, encode
from tests.browser.conftest import Browse, browse, browser, chromium, node
from tests.factories import Factory
from tests.replica.conftest import replicating
from tests.replica.standby import Standby

__all__ = ["browse", "browser", "chromium", "node"]

CANCEL = """await page.getByRole('button', {name: 'Cancel…'}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Cancel', exact: true}).click();
    await page.locator('dialog').waitFor({state: 'detached'})"""


async def test_a_page_sees_what_its_reader_did(
    browse: Browse, worker_url: str, standby: Standby, make: Factory, database: Database
) -> None:
    execution = await make.execution()
    await standby.catch_up(database)
    await standby.pause()
    async with replicating(worker_url, standby, replica_wait=0.05, dashboard=True) as client:
        page = await browse(client.url)
        await page.open(f"/executions/{encode(Kind.EXECUTION, execution)}")
        await page.do(CANCEL)
        await page.see("cancelled", ".head")
