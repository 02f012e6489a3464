"""One execution's page: from a failed run to its step, its last lines and what it knew."""

from typing import Any

import pytest

from db.enums import ExecutionStatus, LogLevel, StateOp, StepStatus
from graph.ids import Kind, encode
from tests.browser.driver import Page
from tests.client import Client
from tests.factories import NOW, Factory

SCRIPT = "<script>document.title = 'owned'</script>"


async def failed(client: Client, make: Factory) -> str:
    """An execution that failed in its second step, written as an engine does; its id."""
    await make.workflow(name="nightly")
    run = (await client.done("createExecution", workflowName="nightly", variables={"rows": 1}))["execution"][
        "id"
    ]
    await client.done("transitionExecution", executionId=run, to="RUNNING")

    async def commit(key: str, rows: int, message: str, **step: Any) -> None:
        await client.done(
            "commitStep",
            executionId=run,
            step={"key": key, **step},
            state={"variablesPatch": {"rows": rows}},
            logs=[{"message": message}],
        )

    await commit("extract", 20, "read 20 rows")
    error = {"message": "the disk is full", "code": "ENOSPC"}
    await commit("load", 21, "can't write row 21", dependsOn=["extract"], status="FAILED", error=error)
    await client.done("saveState", executionId=run, variablesPatch={"rows": 99})
    await client.done("transitionExecution", executionId=run, to="FAILED", error=error)
    return str(run)


async def test_the_failed_step_its_lines_and_its_state_are_two_clicks_away(
    page: Page, client: Client, make: Factory
) -> None:
    await failed(client, make)
    await page.open()
    await page.do("await page.getByRole('link', {name: /nightly/}).click()")
    await page.see("the disk is full", ".failure")
    # The step that failed is shown without being asked for, with its last lines.
    await page.see("can't write row 21", "aside.step")
    await page.do("await page.getByRole('link', {name: 'Its last log lines'}).click()")
    await page.see("can't write row 21", ".logs")
    await page.do("await page.getByRole('link', {name: 'State when it failed'}).click()")
    await page.see("rows", ".state tbody")
    assert "21" in await page.text(".state tbody")
    assert "99" not in await page.text(".state tbody")


async def test_steps_appear_as_they_run(page: Page, client: Client, make: Factory) -> None:
    await make.workflow(name="live")
    run = (await client.done("createExecution", workflowName="live"))["execution"]["id"]
    await page.open(f"/executions/{run}")
    await page.see("Live")
    await client.done("transitionExecution", executionId=run, to="RUNNING")
    step = (await client.done("startStep", executionId=run, key="fetch"))["step"]["id"]
    await page.see("fetch", ".timeline")
    await page.see("1 running", ".timeline")
    await client.done("finishStep", stepId=step)
    await page.see("1 completed", ".timeline")


async def test_retries_share_a_row(page: Page, make: Factory) -> None:
    key = await make.execution(status=ExecutionStatus.COMPLETED)
    rows = [
        {"seq": 1, "attempt": 1, "status": StepStatus.FAILED},
        {"seq": 2, "attempt": 2, "status": StepStatus.COMPLETED},
    ]
    await make.records(key, steps=[{"key": "flaky", **row} for row in rows])
    await page.open(f"/executions/{encode(Kind.EXECUTION, key)}?step=flaky")
    await page.see("attempt 2", "aside.step")
    assert await page.do("return await page.locator('.timeline .line').count()") == 1


async def test_a_log_is_followed_left_and_taken_up_again(page: Page, client: Client, make: Factory) -> None:
    key = await make.execution(status=ExecutionStatus.RUNNING)
    await make.logs(key, 200)
    run = encode(Kind.EXECUTION, key)
    await page.open(f"/executions/{run}?tab=logs")
    await page.see("line 200", ".lines")
    await page.see("Live")
    await client.done("appendLogs", executionId=run, entries=[{"message": "the newest line"}])
    await page.see("the newest line", ".lines")
    await page.do("await page.locator('.lines').evaluate(lines => { lines.scrollTop = 0 })")
    await page.see("line 1", ".lines")
    await client.done("appendLogs", executionId=run, entries=[{"message": "one more line"}])
    await page.see("Jump to newest (1 new)")
    await page.do("await page.getByRole('button', {name: /Jump to newest/}).click()")
    await page.see("one more line", ".lines")


async def test_a_hit_leads_to_the_lines_around_it(page: Page, make: Factory) -> None:
    await make.logs(key := await make.execution(), 3000)
    await make.records(key, logs=[{"seq": 3001, "message": "a needle"}])
    await make.logs(key, 3000, start=3002)
    await page.open(f"/executions/{encode(Kind.EXECUTION, key)}?tab=logs")
    await page.do("await page.getByLabel('Find in the log').fill('NEEDLE')")
    await page.do("await page.locator('.lines').getByText('a needle').click()")
    await page.do("await page.getByRole('button', {name: 'Lines around it'}).click()")
    await page.see("line 2999", ".lines")
    await page.see("line 3003", ".lines")


async def test_only_the_rows_in_sight_are_on_the_page(page: Page, make: Factory) -> None:
    await make.logs(key := await make.execution(), 20_000)
    await page.open(f"/executions/{encode(Kind.EXECUTION, key)}?tab=logs")
    await page.see("line 20000", ".lines")
    assert await page.do("return await page.locator('.log-line').count()") < 120


async def test_versions_of_the_state_are_compared(page: Page, make: Factory) -> None:
    key = await make.execution(status=ExecutionStatus.COMPLETED)
    await make.state(key, {"a": (StateOp.SET, {"x": [1, 2]})}, {"a": (StateOp.SET, {"x": [1, 3]})})
    await page.open(f"/executions/{encode(Kind.EXECUTION, key)}?tab=state&with=1")
    await page.see("a.x[1]", ".difference")
    assert await page.do("return await page.locator('.difference del, .difference ins').allInnerTexts()") == [
        "2",
        "3",
    ]


async def test_a_variable_has_a_history(page: Page, make: Factory) -> None:
    key = await make.execution(status=ExecutionStatus.COMPLETED)
    await make.state(key, {"a": (StateOp.SET, 1)}, {"a": (StateOp.SET, 2)})
    await page.open(f"/executions/{encode(Kind.EXECUTION, key)}?tab=state")
    await page.do("await page.getByRole('button', {name: 'a', exact: true}).click()")
    await page.see("version 2", "aside")
    await page.see("version 1", "aside")


async def test_history_shows_who_changed_what(page: Page, client: Client, make: Factory) -> None:
    run = await failed(client, make)
    await page.open(f"/executions/{run}?tab=history")
    await page.see("status changed", "tbody")
    assert "RUNNING" in await page.text("tbody")


async def test_what_was_logged_is_text(page: Page, make: Factory) -> None:
    key = await make.execution(status=ExecutionStatus.FAILED, error={"message": SCRIPT})
    await make.steps(
        key, key=SCRIPT, status=StepStatus.FAILED, error={"message": SCRIPT}, input={SCRIPT: SCRIPT}
    )
    evil = "\x1b[31mred\x1b[0m \x1b]0;owned\x07\x1b]8;;http://example.org\x1b\\link " + SCRIPT
    await make.records(key, logs=[{"seq": 1, "step_seq": 1, "message": evil, "level": LogLevel.ERROR}])
    run = encode(Kind.EXECUTION, key)
    for tab in ("timeline", "logs", "history", "data"):
        await page.open(f"/executions/{run}?tab={tab}")
        await page.see("<script>")
    await page.open(f"/executions/{run}?tab=logs")
    assert await page.text(".log-line .text") == f"red link {SCRIPT}"
    assert await page.do("return await page.locator('.log-line .ansi-red').innerText()") == "red"
    assert await page.faults() == []


async def test_times_are_in_the_chosen_zone_with_the_offset(page: Page, make: Factory) -> None:
    await make.records(key := await make.execution(), logs=[{"seq": 1, "logged_at": NOW}])
    await page.open(f"/executions/{encode(Kind.EXECUTION, key)}?tab=logs")
    await page.see("13:00:00.000 +01:00", ".lines")
    await page.do("await page.getByLabel('Time zone').selectOption('Asia/Tokyo')")
    await page.see("21:00:00.000 +09:00", ".lines")


@pytest.mark.parametrize("tab", ["timeline", "logs", "state", "history", "data"])
async def test_nothing_is_wrong_with_it(page: Page, client: Client, make: Factory, tab: str) -> None:
    run = await failed(client, make)
    await page.open(f"/executions/{run}?tab={tab}")
    await page.do("await page.locator('.tabpanel > *').first().waitFor(); await page.waitForTimeout(700)")
    assert await page.violations_in_both_schemes() == []
    assert await page.faults() == []


async def test_an_execution_that_is_not_there_is_said_so(page: Page) -> None:
    await page.open("/executions/exec_00000000000000000000000000000001")
    await page.see("Not found")


async def test_a_log_is_copied_and_kept_as_a_file(page: Page, make: Factory) -> None:
    await make.logs(key := await make.execution(), 3)
    run = encode(Kind.EXECUTION, key)
    await page.open(f"/executions/{run}?tab=logs")
    await page.see("line 3", ".lines")
    await page.do("await page.getByLabel('Copy the lines in sight').click()")
    copied = await page.do("return await page.evaluate(() => navigator.clipboard.readText())")
    assert [line.rsplit(" - ", 1)[1] for line in copied.splitlines()] == ["line 1", "line 2", "line 3"]
    name = await page.do(
        """const kept = page.waitForEvent('download');
        await page.getByRole('button', {name: 'Download'}).click();
        return (await kept).suggestedFilename()"""
    )
    assert name == f"{run}-log.txt"


async def test_a_log_is_narrowed_to_a_step_and_a_level(page: Page, make: Factory) -> None:
    await make.steps(key := await make.execution(), 2)
    rows = [(1, 1, LogLevel.INFO), (2, 1, LogLevel.ERROR), (3, 2, LogLevel.ERROR)]
    logs = [{"seq": seq, "step_seq": step, "level": level} for seq, step, level in rows]
    await make.records(key, logs=logs)
    await page.open(f"/executions/{encode(Kind.EXECUTION, key)}?tab=logs")
    await page.do("await page.getByLabel('Only this step').fill('step1')")
    await page.see("2 matching lines")
    await page.do("await page.getByLabel('Least level').selectOption('ERROR')")
    await page.see("1 matching lines")
    assert "line 2" in await page.text(".lines")


async def test_lines_are_gone_through_by_keys(page: Page, make: Factory) -> None:
    await make.logs(key := await make.execution(), 3)
    await page.open(f"/executions/{encode(Kind.EXECUTION, key)}?tab=logs")
    await page.see("line 3", ".lines")
    await page.do(
        """await page.getByRole('log').focus();
        for (const key of ['Enter', 'ArrowDown']) await page.keyboard.press(key)"""
    )
    assert await page.text(".whole-line pre") == "line 2"


async def test_why_it_does_not_get_on_is_told(page: Page, client: Client, make: Factory) -> None:
    await make.workflow(name="waiting")
    run = (await client.done("createExecution", workflowName="waiting"))["execution"]["id"]
    await page.open(f"/executions/{run}")
    await page.see("pending unclaimed", ".stuck")
