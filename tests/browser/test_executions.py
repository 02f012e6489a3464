"""The dashboard's first page: the table of executions, its filters, and how it moves."""

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from db.enums import ExecutionStatus, StepStatus
from db.ids import uuid7
from graph.ids import Kind, encode
from graph.settings import Settings
from tests.browser.conftest import Browse
from tests.browser.driver import Page
from tests.client import Client
from tests.factories import Factory
from tests.serving import serving

ROWS = (
    "return await page.locator('.executions tbody tr').evaluateAll(rows => rows.map(row => row.dataset.id))"
)
SCRIPT = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"


async def rows(page: Page) -> list[str]:
    """The ids of the executions that the table shows."""
    await page.do("await page.locator('.executions tbody tr, .executions .empty').first().waitFor()")
    found: list[str] = await page.do(ROWS)
    return found


async def test_executions_are_listed_with_what_they_do(page: Page, make: Factory) -> None:
    workflow = await make.workflow(name="nightly")
    key = await make.execution(
        workflow, status=ExecutionStatus.FAILED, tags=["eu"], error={"message": "no disk"}
    )
    await make.steps(key, 2)
    await make.steps(key, start=3, status=StepStatus.FAILED)
    await page.open()
    assert await rows(page) == [encode(Kind.EXECUTION, key)]
    shown = await page.text(".executions tbody tr")
    for word in ("failed", "nightly", "no disk", "2/3", "eu", "2 s"):
        assert word in shown


async def test_a_filter_is_in_the_address_and_survives_a_reload(page: Page, make: Factory) -> None:
    workflow = await make.workflow()
    failed = await make.execution(workflow, status=ExecutionStatus.FAILED)
    await make.execution(workflow, status=ExecutionStatus.COMPLETED)
    await page.open()
    await page.do("await page.getByRole('button', {name: 'failed', exact: true}).click()")
    await page.do("await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1)")
    await page.do("await page.reload()")
    assert await rows(page) == [encode(Kind.EXECUTION, failed)]
    assert "status=FAILED" in await page.do("return page.url()")


async def test_pages_go_both_ways(page: Page, make: Factory) -> None:
    keys = [encode(Kind.EXECUTION, key) for key in sorted(await make.executions(60))]
    await page.open()
    assert await rows(page) == keys[:9:-1]
    await page.do("await page.getByRole('button', {name: 'Older'}).click()")
    await page.do("await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 10)")
    assert await rows(page) == keys[9::-1]
    await page.do("await page.getByRole('button', {name: 'Newer'}).click()")
    await page.do("await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 50)")
    assert await rows(page) == keys[:9:-1]


async def test_the_longest_come_first_where_the_address_says_so(page: Page, make: Factory) -> None:
    now = datetime.now(UTC)
    keys = [
        await make.execution(
            status=ExecutionStatus.COMPLETED, started_at=now - timedelta(minutes=minutes), completed_at=now
        )
        for minutes in (5, 90, 1)
    ]
    await page.open()
    await page.do(
        """await page.getByRole('button', {name: 'Duration'}).click();
        await page.locator('th[aria-sort=descending]', {hasText: 'Duration'}).waitFor();
        await page.getByRole('button', {name: 'Next'}).waitFor();
        await page.reload();
        await page.locator('th[aria-sort=descending]', {hasText: 'Duration'}).waitFor()"""
    )
    assert await rows(page) == [encode(Kind.EXECUTION, keys[at]) for at in (1, 0, 2)]


async def test_a_stretch_of_the_histogram_narrows_the_list(page: Page, make: Factory) -> None:
    days = [uuid7(datetime.now(UTC) - timedelta(days=days)) for days in (1, 20)]
    recent, old = [encode(Kind.EXECUTION, key) for key in days]
    await make.runs([{"id": key} for key in days])
    await page.open()
    assert await rows(page) == [recent, old]
    await page.do(
        """const box = await page.locator('.histogram .u-over').boundingBox();
        await page.mouse.move(box.x + 2, box.y + 20);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width / 2, box.y + 20, {steps: 5});
        await page.mouse.up();
        await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1)"""
    )
    assert await rows(page) == [old]


async def test_a_running_execution_moves_without_a_reload(page: Page, client: Client, make: Factory) -> None:
    await make.workflow(name="live")
    await page.open()
    await page.see("Nothing ran")
    await page.see("Live")
    made = await client.done("createExecution", workflowName="live")
    await page.see("pending", "tbody")
    await client.done("transitionExecution", executionId=made["execution"]["id"], to="RUNNING")
    await page.see("running", "tbody")
    await client.done("transitionExecution", executionId=made["execution"]["id"], to="COMPLETED")
    await page.see("completed", "tbody")


async def test_what_is_deleted_goes_without_a_reload(page: Page, client: Client, make: Factory) -> None:
    keys = await make.executions(3, status=ExecutionStatus.COMPLETED)
    gone, *left = [encode(Kind.EXECUTION, key) for key in sorted(keys)]
    await page.open("/?order=STARTED_AT&direction=ASC")
    await page.see("Live")
    assert len(await rows(page)) == 3
    await client.done("deleteExecution", executionId=gone)
    await page.do(
        "await page.locator(`tr[data-id=${args.id}]`).waitFor({state: 'detached', timeout: 8000})", id=gone
    )
    assert sorted(await rows(page)) == left


async def test_what_was_stored_is_text(page: Page, make: Factory) -> None:
    workflow = await make.workflow(name=SCRIPT, version=SCRIPT)
    await make.execution(workflow, status=ExecutionStatus.FAILED, tags=[SCRIPT], error={"message": SCRIPT})
    await page.open()
    await page.see("<script>", "tbody")
    assert await page.do("return page.title()") == "Flowkeep"
    assert await page.faults() == []


async def test_many_are_cancelled_at_once(page: Page, client: Client, make: Factory) -> None:
    await make.executions(3)
    await page.open()
    await page.do(
        """await page.getByLabel('Choose all on this page').check();
        await page.getByRole('button', {name: 'Cancel 3 of 3 chosen'}).click();
        await page.getByRole('button', {name: 'Cancel 3', exact: true}).click();
        await page.locator('dialog').waitFor({state: 'detached'})"""
    )
    found = await client.ask("{ executions(filter: {status: CANCELLED}) { totalCount } }")
    assert found["executions"]["totalCount"] == 3


async def test_without_any_workflow_the_page_says_how_to_get_some(page: Page) -> None:
    await page.open()
    await page.see("No workflows yet")
    assert "make demo" in await page.text(".empty")
    assert "flowkeep import wfformat" in await page.text(".empty")


async def test_keys_lead_from_row_to_row_and_into_one(page: Page, make: Factory) -> None:
    keys = [encode(Kind.EXECUTION, key) for key in sorted(await make.executions(3), reverse=True)]
    await page.open()
    await rows(page)
    await page.do("for (const key of ['j', 'j', 'j', 'k', 'Enter']) await page.keyboard.press(key)")
    await page.do("await page.locator('main.execution').waitFor()")
    assert await page.do("return new URL(page.url()).pathname") == f"/executions/{keys[1]}"


async def test_escape_closes_the_list_of_keys_and_nothing_moves_behind_it(page: Page, make: Factory) -> None:
    await make.executions(3)
    await page.open()
    await rows(page)
    await page.do(
        """await page.keyboard.press('?');
        await page.locator('dialog').waitFor();
        for (const key of ['j', 'k', 'Escape']) await page.keyboard.press(key);
        await page.locator('dialog').waitFor({state: 'detached', timeout: 5000})"""
    )
    assert await page.do("return new URL(page.url()).pathname") == "/"


async def test_nothing_is_wrong_with_it(page: Page, make: Factory) -> None:
    workflow = await make.workflow()
    await make.runs([{"status": status} for status in ExecutionStatus], workflow)
    await page.open()
    await rows(page)
    assert await page.violations_in_both_schemes() == []
    assert await page.faults() == []


async def test_it_fits_a_phone(browse: Browse, client: Client, make: Factory) -> None:
    await make.executions(2)
    page = await browse(client.url, viewport={"width": 380, "height": 700})
    await page.open()
    await rows(page)
    assert await page.do("return await page.evaluate(() => document.documentElement.scrollWidth)") <= 380


async def test_it_works_where_only_trusted_documents_are_answered(
    browse: Browse, client: Client, make: Factory, worker_url: str
) -> None:
    await make.workflow(name="nightly")
    async with serving(Settings(database_url=SecretStr(worker_url), trusted_only=True)) as url:
        page = await browse(url)
        await page.open()
        await page.see("Live")
        await page.do("await page.waitForTimeout(1500)")
        await client.done("createExecution", workflowName="nightly")
        await page.see("nightly", "tbody")
        assert await page.faults() == []


async def test_a_tab_in_the_background_asks_nothing(page: Page, client: Client, make: Factory) -> None:
    await make.workflow(name="nightly")
    await page.open()
    await page.see("Live")
    await page.do(
        """globalThis.asked = [];
        page.on('request', (request) => globalThis.asked.push(request.url()));
        await page.evaluate(() => {
          Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true});
          window.away = true;
          document.dispatchEvent(new Event('visibilitychange'));
        });
        await page.waitForTimeout(2500);
        globalThis.asked.length = 0"""
    )
    await client.done("createExecution", workflowName="nightly")
    await page.do("await page.waitForTimeout(2500)")
    assert await page.do("return globalThis.asked") == []
    await page.do(
        """await page.evaluate(() => {
          window.away = false;
          document.dispatchEvent(new Event('visibilitychange'));
        })"""
    )
    await page.see("nightly", "tbody")
