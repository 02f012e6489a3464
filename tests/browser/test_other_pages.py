"""Workflows, failures and operations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from db.enums import ExecutionStatus, Scope, StepStatus, Subject
from db.ids import uuid7
from graph.ids import Kind, encode
from graph.settings import Settings
from tests.browser.conftest import Browse
from tests.browser.driver import Page
from tests.client import Client
from tests.factories import Factory
from tests.serving import serving


async def world(make: Factory) -> None:
    """Two versions of a workflow, with executions that went well and that did not."""
    first = await make.workflow(name="nightly", version="1", definition={"steps": [{"key": "load"}]})
    steps: list[dict[str, Any]] = [{"key": "load", "retries": 3}, {"key": "send", "dependsOn": ["load"]}]
    second = await make.workflow(name="nightly", version="2", definition={"steps": steps})
    for workflow, days in ((first, 3), (second, 1)):
        for hours in range(4):
            key = uuid7(datetime.now(UTC) - timedelta(days=days, hours=hours))
            bad = hours == 0
            error = {"message": f"no row {hours + 10 * days}", "code": "NO_ROW"} if bad else None
            status = ExecutionStatus.FAILED if bad else ExecutionStatus.COMPLETED
            await make.runs([{"id": key, "status": status, "error": error}], workflow)
            await make.steps(key, key="load", status=StepStatus.FAILED if bad else StepStatus.COMPLETED)


async def test_workflows_are_listed_with_their_numbers(page: Page, make: Factory) -> None:
    await world(make)
    await page.open("/workflows")
    await page.see("nightly", "tbody")
    await page.see("75 %", "tbody")
    assert await page.do("return await page.locator('tbody tr').count()") == 1
    await page.do("await page.locator('.sparkline rect').first().waitFor()")
    await page.do("await page.getByRole('link', {name: 'nightly'}).click()")
    await page.see("Its executions")


async def test_two_versions_of_a_definition_are_compared(page: Page, make: Factory) -> None:
    await world(make)
    await page.open("/workflows/nightly")
    await page.do("await page.getByLabel('Differences from').selectOption({label: '1'})")
    await page.see("steps.load.retries", ".difference")
    await page.see("steps.send", ".difference")
    assert await page.do("return await page.locator('.difference tbody tr').count()") == 2


@pytest.mark.parametrize(
    ("tab", "words"), [("durations", "Median"), ("steps", "load"), ("errors", "no row <n>")]
)
async def test_a_workflow_has_numbers(page: Page, make: Factory, tab: str, words: str) -> None:
    await world(make)
    await page.open(f"/workflows/nightly?tab={tab}")
    await page.see(words, ".tabpanel")


async def test_failures_lead_to_the_executions_behind_them(page: Page, make: Factory) -> None:
    await world(make)
    await page.open("/failures")
    await page.do("await page.getByRole('button', {name: /no row/}).click()")
    await page.see("All of them in the table")
    await page.do("await page.waitForFunction(() => document.querySelectorAll('.behind li').length === 2)")
    await page.do("await page.getByRole('link', {name: 'All of them in the table'}).click()")
    await page.do("await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 2)")


async def test_operations_show_health_policies_tokens_and_the_audit_log(
    browse: Browse, make: Factory, worker_url: str
) -> None:
    token = await make.token(name="ruler", scopes=[Scope.ADMIN])
    await make.policy(name="old ones")
    await make.audit_entry(actor="somebody")
    async with serving(Settings(database_url=SecretStr(worker_url), auth="required")) as url:
        page = await browse(url)
        await page.open("/operations")
        await page.do("await page.getByLabel('Token').fill(args.token)", token=token)
        await page.do("await page.keyboard.press('Enter')")
        await page.see("log_entries", "table")
        await page.see("pg_stat_statements")  # costs nobody has counted yet
        await page.do("await page.getByRole('tab', {name: 'Retention'}).click()")
        await page.see("old ones")
        await page.do("await page.getByRole('button', {name: 'What it would take'}).click()")
        await page.see("would go now")
        await page.do("await page.getByRole('tab', {name: 'Tokens'}).click()")
        await page.do(
            """await page.getByRole('button', {name: 'New token…'}).click();
            await page.getByLabel('Who will use it').fill('engines');
            await page.getByRole('button', {name: 'Make it'}).click()"""
        )
        await page.see("This is shown once", "dialog")
        await page.do("await page.getByRole('button', {name: 'Done'}).click()")
        await page.see("engines", "table")
        assert await page.violations() == []
        await page.do("await page.getByRole('tab', {name: 'Audit log'}).click()")
        await page.see("somebody")
        # But for the one answer that asked for the token.
        assert [fault for fault in await page.faults() if "401" not in fault] == []


async def test_holds_are_listed_placed_and_released(page: Page, make: Factory) -> None:
    workflow = await make.workflow(name="nightly", version="7")
    await make.hold(workflow, Subject.WORKFLOW, "an audit")
    execution = encode(Kind.EXECUTION, await make.execution(workflow))
    await page.open("/operations?tab=retention")
    await page.see("All of nightly 7", "table")
    await page.do(
        """await page.getByLabel('Execution or workflow version').fill(args.id);
        await page.getByLabel('Why').fill('a dispute'); await page.keyboard.press('Enter');
        const placed = page.locator('tr', {hasText: 'a dispute'});
        await placed.getByRole('link', {name: /execution of nightly 7/}).waitFor();
        await page.locator('tr', {hasText: 'an audit'}).getByRole('button', {name: 'Release'}).click();
        await page.getByText('an audit').waitFor({state: 'detached'})""",
        id=execution,
    )
    assert await page.violations() == []
    await page.do("await page.getByRole('link', {name: /execution of nightly 7/}).click()")
    await page.see("a dispute", ".head")


async def test_who_does_not_rule_is_told_so(browse: Browse, make: Factory, worker_url: str) -> None:
    token = await make.token(name="reader", scopes=[Scope.READ])
    async with serving(Settings(database_url=SecretStr(worker_url), auth="required")) as url:
        page = await browse(url)
        await page.open("/operations")
        await page.do("await page.getByLabel('Token').fill(args.token)", token=token)
        await page.do("await page.keyboard.press('Enter')")
        await page.see("This takes the scope ADMIN")
        assert await page.do("return await page.getByRole('tab').count()") == 0


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/workflows",
            "/workflows/nightly",
            "/workflows/nightly?tab=durations",
            "/workflows/nightly?tab=steps",
        ),
        *("/failures", "/operations", "/operations?tab=retention", "/operations?tab=tokens"),
        "/operations?tab=audit",
    ],
)
async def test_they_fit_a_phone(browse: Browse, client: Client, make: Factory, path: str) -> None:
    await world(make)
    await make.policy(name="old ones", workflow_name="nightly")
    await make.hold(await make.execution(), reason="a dispute over " + "very " * 20 + "much")
    await make.audit_entry(actor="somebody")
    page = await browse(client.url, viewport={"width": 380, "height": 700})
    await page.open(path)
    await page.do("await page.locator('main :is(table, .panel, .groups)').first().waitFor()")
    await page.do("await page.waitForTimeout(500)")
    assert await page.do("return await page.evaluate(() => document.documentElement.scrollWidth)") <= 380


@pytest.mark.parametrize(
    "path", ["/workflows", "/workflows/nightly", "/workflows/nightly?tab=steps", "/failures"]
)
async def test_nothing_is_wrong_with_them(page: Page, make: Factory, path: str) -> None:
    await world(make)
    await page.open(path)
    await page.do("await page.waitForTimeout(800)")
    assert await page.violations_in_both_schemes() == []
    assert await page.faults() == []
