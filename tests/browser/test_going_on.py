"""Forks and recoveries by clicking, and what those see who may not."""

import httpx
from pydantic import SecretStr

from db.enums import Scope, StepStatus
from graph.ids import Kind, encode
from graph.settings import Settings
from tests.browser.conftest import Browse
from tests.browser.driver import Page
from tests.client import Client
from tests.factories import Factory
from tests.serving import serving

SIGN_IN = """await page.getByLabel('Token').fill(args.token);
await page.getByRole('button', {name: 'Sign in'}).click()"""


async def failed(client: Client, make: Factory) -> str:
    """An execution with a checkpoint after its first step, and a second step that failed; its id."""
    await make.workflow(
        name="nightly", definition={"steps": [{"key": "a"}, {"key": "b", "dependsOn": ["a"]}]}
    )
    made = await client.done("createExecution", workflowName="nightly", variables={"n": 1})
    run = str(made["execution"]["id"])
    await client.done("transitionExecution", executionId=run, to="RUNNING")
    state, checkpoint = {"variablesPatch": {"n": 2}}, {"label": "after a"}
    await client.done("commitStep", executionId=run, step={"key": "a"}, state=state, checkpoint=checkpoint)
    error = {"message": "no luck"}
    await client.done("commitStep", executionId=run, step={"key": "b", "status": "FAILED", "error": error})
    await client.done("transitionExecution", executionId=run, to="FAILED", error=error)
    return run


async def test_a_fork_is_made_by_clicking(page: Page, client: Client, make: Factory) -> None:
    run = await failed(client, make)
    await page.open(f"/executions/{run}?tab=checkpoints")
    await page.do(
        """await page.getByRole('button', {name: 'Fork…'}).click();
        await page.locator('dialog textarea').fill('{"n": 7}');
        await page.getByRole('button', {name: 'Fork', exact: true}).click();
        await page.waitForURL(url => !url.pathname.endsWith(args.run))""",
        run=run,
    )
    fork = (await page.do("return new URL(page.url()).pathname")).rsplit("/", 1)[1]
    document = "query ($id: ID!) { execution(id: $id) { forkedFrom { label } state { variables } } }"
    found = (await client.ask(document, id=fork))["execution"]
    assert found == {"forkedFrom": {"label": "after a"}, "state": {"variables": {"n": 7}}}
    await page.open(f"/executions/{run}?tab=checkpoints")
    await page.see("forked:", ".checkpoints")


async def test_what_is_no_json_is_told_before_anything_is_sent(
    page: Page, client: Client, make: Factory
) -> None:
    run = await failed(client, make)
    await page.open(f"/executions/{run}?tab=checkpoints")
    await page.do(
        """await page.getByRole('button', {name: 'Fork…'}).click();
        await page.locator('dialog textarea').fill('{n: 7}');
        await page.getByRole('button', {name: 'Fork', exact: true}).click()"""
    )
    await page.see("This is not JSON", "dialog")


async def test_a_recovery_shows_its_plan_and_is_confirmed(page: Page, client: Client, make: Factory) -> None:
    run = await failed(client, make)
    await page.open(f"/executions/{run}?tab=checkpoints")
    await page.do("await page.getByRole('button', {name: 'Recover…'}).click()")
    await page.see("Runs again", "dialog")
    plan = await page.text("dialog .plan")
    assert plan.index("Stays done") < plan.index("a", plan.index("Stays done")) < plan.index("Runs again")
    document = "query ($id: ID!) { execution(id: $id) { status } }"
    assert await client.ask(document, id=run) == {"execution": {"status": "FAILED"}}
    await page.do(
        """await page.getByRole('button', {name: 'Recover', exact: true}).click();
        await page.locator('dialog').waitFor({state: 'detached'})"""
    )
    assert await client.ask(document, id=run) == {"execution": {"status": "PENDING"}}
    await page.see("pending", ".head")


async def test_checkpoints_are_compared(page: Page, client: Client, make: Factory) -> None:
    run = await failed(client, make)
    await client.done("recoverExecution", executionId=run)
    await client.done("transitionExecution", executionId=run, to="RUNNING")
    state, checkpoint = {"variablesPatch": {"n": 3}}, {"label": "after b"}
    await client.done("commitStep", executionId=run, step={"key": "b"}, state=state, checkpoint=checkpoint)
    await page.open(f"/executions/{run}?tab=checkpoints")
    await page.do(
        """await page.locator('tr', {hasText: 'after a'}).getByRole('button', {name: 'from'}).click();
        await page.locator('tr', {hasText: 'after b'}).getByRole('button', {name: 'to'}).click()"""
    )
    await page.see("Done: b.")
    assert await page.do("return await page.locator('.difference del, .difference ins').allInnerTexts()") == [
        "2",
        "3",
    ]


async def test_who_may_only_read_sees_no_button_that_writes(
    browse: Browse, client: Client, make: Factory, worker_url: str
) -> None:
    run = await failed(client, make)
    token = await make.token(name="reader", scopes=[Scope.READ])
    async with serving(Settings(database_url=SecretStr(worker_url), auth="required")) as url:
        page = await browse(url)
        await page.open()
        await page.see("asks who you are")
        await page.do(SIGN_IN, token=token)
        await page.see("nightly")
        await page.see("read only")
        assert await page.do("return await page.locator('tbody input[type=checkbox]').count()") == 0
        await page.do("await page.getByRole('link', {name: /nightly/}).first().click()")
        await page.do("await page.getByRole('tab', {name: 'Checkpoints'}).click()")
        await page.see("which you don't have")
        for name in ("Fork…", "Recover…", "Cancel"):
            found = await page.do(
                "return await page.getByRole('button', {name: args.name}).count()", name=name
            )
            assert found == 0
        await page.do("await page.getByRole('button', {name: /Sign out/}).click()")
        await page.see("You are signed out")
        assert await page.do("return await page.evaluate(() => sessionStorage.length)") == 0
        assert run


async def test_a_wrong_token_is_told(browse: Browse, client: Client, make: Factory, worker_url: str) -> None:
    async with serving(Settings(database_url=SecretStr(worker_url), auth="required")) as url:
        page = await browse(url)
        await page.open()
        await page.do(SIGN_IN, token="fk_wrong")
        await page.do("await page.getByLabel('Token').waitFor()")
        await page.see("token", "main")


async def test_a_log_is_taken_up_again_after_the_server_was_restarted(
    browse: Browse, make: Factory, worker_url: str
) -> None:
    key = await make.execution()
    await make.logs(key, 3)
    run = encode(Kind.EXECUTION, key)
    settings = Settings(database_url=SecretStr(worker_url))
    async with httpx.AsyncClient(verify=False) as http:
        async with serving(settings) as url:
            port = int(url.split(":")[2].split("/")[0])
            page = await browse(url)
            await page.open(f"/executions/{run}?tab=logs")
            await page.see("line 3", ".lines")
            await Client(url, http).done("appendLogs", executionId=run, entries=[{"message": "before"}])
            await page.see("before", ".lines")
        await page.see("Connection lost")
        async with serving(settings, port) as url:
            await Client(url, http).done("appendLogs", executionId=run, entries=[{"message": "after"}])
            await page.see("after", ".lines")
            shown = await page.text(".lines")
            assert shown.index("before") < shown.index("after")
            assert shown.count("before") == 1


async def test_the_graph_is_gone_through_by_arrows(page: Page, make: Factory) -> None:
    key = await make.execution()
    rows = [("a", []), ("b", ["a"]), ("c", ["b"])]
    await make.records(
        key,
        steps=[
            {"seq": seq, "key": name, "depends_on": after, "status": StepStatus.COMPLETED}
            for seq, (name, after) in enumerate(rows, 1)
        ],
    )
    await page.open(f"/executions/{encode(Kind.EXECUTION, key)}?tab=graph")
    await page.do(
        """const surface = page.getByRole('application');
        await surface.waitFor();
        await surface.focus();
        for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key)"""
    )
    assert "step=c" in await page.do("return page.url()")
    await page.see("c", "aside.step h2")
