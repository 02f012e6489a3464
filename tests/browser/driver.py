"""A real Chromium, told what to do in its own language, a few lines at a time."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

DRIVER = Path(__file__).with_name("driver.mjs")
# Colours that fade are there at once when their fading is done.
TURN = """await page.emulateMedia({colorScheme: args.scheme});
await page.evaluate(() => Promise.all(document.getAnimations().filter(
  (one) => one instanceof CSSTransition).map((one) => one.finished.catch(() => {}))))"""


class Browser:
    """A browser, whose pages share nothing."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self.usable = True
        """Whether it answered all that it was told."""

    @asynccontextmanager
    async def page(self, url: str, *others: str, **options: Any) -> AsyncIterator["Page"]:
        """A page for a service's endpoint as long as the block; it reaches the hosts of these URLs only.

        `options` are those of its context.
        """
        number = next(self._numbers)
        hosts = [urlsplit(reached).netloc for reached in (url, *others)]
        await self.told({"open": number, "hosts": hosts, "options": options})
        try:
            yield Page(self, number, url.removesuffix("/graphql"))
        finally:
            if self.usable:
                await self.told({"close": number})

    async def told(self, command: dict[str, Any], seconds: float = 60) -> Any:
        """What comes of a command, as JSON.

        Raises AssertionError with the browser's words when it fails.
        """
        reader, writer, messages = self._process.stdout, self._process.stdin, self._process.stderr
        assert reader is not None
        assert writer is not None
        assert messages is not None
        # An answer that was not waited for would be taken for that to the next command.
        self.usable = False
        writer.write(orjson.dumps(command) + b"\n")
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), seconds)
        assert line, f"The browser has ended:\n{(await messages.read()).decode(errors='replace')}"
        self.usable = True
        answer = orjson.loads(line)
        assert "error" not in answer, f"{answer['error']}\nfaults: {answer['faults']}"
        return answer["result"]


class Page:
    """A page of a browser, which reaches a few hosts only."""

    def __init__(self, browser: Browser, number: int, root: str) -> None:
        self._browser = browser
        self._number = number
        self.root = root

    async def do(self, code: str, seconds: float = 60, **args: Any) -> Any:
        """Run the body of an async function of `page`, `context` and `args`; what it returns, as JSON.

        Raises AssertionError with the browser's words when it fails.
        """
        return await self._browser.told({"page": self._number, "code": code, "args": args}, seconds)

    async def open(self, path: str = "/") -> None:
        """Go to an address of the service, and wait until its page is there."""
        await self.do("await page.goto(args.url); await page.locator('main').waitFor()", url=self.root + path)

    async def text(self, selector: str) -> str:
        """The text of the one element that matches, once it is there."""
        found: str = await self.do("return await page.locator(args.selector).innerText()", selector=selector)
        return found

    async def see(self, text: str, within: str = "body") -> None:
        """Wait until a text is seen."""
        await self.do(
            "await page.locator(args.within).getByText(args.text).first().waitFor()", text=text, within=within
        )

    async def faults(self) -> list[str]:
        """What went wrong on the page, and every address of another host that it asked for."""
        found: list[str] = await self.do("return [...faults, ...outside]")
        return found

    async def violations(self) -> list[str]:
        """What axe-core finds wrong by WCAG, up to AA."""
        found: list[str] = await self.do("return await axe()")
        return found

    async def violations_in_both_schemes(self) -> list[str]:
        """The same in light and in dark, each once the page has turned to it."""
        found = []
        for scheme in ("light", "dark"):
            await self.do(TURN, scheme=scheme)
            found += [f"{scheme}: {violation}" for violation in await self.violations()]
        return found
