"""GraphiQL where nobody is answered without a token."""

from db.engine import Database
from tests.browser.conftest import Browse
from tests.factories import Factory
from tests.serving import serving, settings_of

NOTICE = ".token-notice"
# The word in the second line is selected with the keys for it, and replaced.
WRITE_HEADERS = """
    await page.locator('.graphiql-editor-tool .monaco-editor:visible').click();
    for (const key of ['Control+Home', 'ArrowDown', 'End', 'ArrowLeft', 'Control+Shift+ArrowLeft']) {
        await page.keyboard.press(key);
    }
    await page.keyboard.insertText(args.token);
    await page.getByLabel('Re-fetch GraphQL schema').click();
"""


async def test_it_says_what_to_do_and_goes_on_once_it_is_done(
    browse: Browse, worker_url: str, database: Database, make: Factory
) -> None:
    token = await make.token()
    async with serving(settings_of(worker_url, auth="required")) as url:
        page = await browse(url)
        await page.do("await page.goto(args.url)", url=url)
        assert "flowkeep token create" in await page.text(NOTICE)
        await page.see("Authorization", ".graphiql-editor-tool .monaco-editor:visible .view-lines")
        await page.do(WRITE_HEADERS, token=token)
        await page.do(
            "await page.locator(args.notice).waitFor({ state: 'detached' });"
            "await page.getByLabel('Show Documentation Explorer').click();",
            notice=NOTICE,
        )
        await page.see("Query", ".graphiql-doc-explorer-content")
