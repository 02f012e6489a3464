"""A real Chromium, told what to do in its own language, a few lines at a time."""

import asyncio
from typing import Any

import orjson


class Page:
    """A page of a browser that reaches one host only."""

    def __init__(self, process: asyncio.subprocess.Process, root: str) -> None:
        self._process = process
        self.root = root

    async def do(self, code: str, seconds: float = 60, **args: Any) -> Any:
        """Run the body of an async function of `page`, `context` and `args`; what it returns, as JSON.

        Raises AssertionError with the browser's words when it fails.
        """
        reader, writer, messages = self._process.stdout, self._process.stdin, self._process.stderr
        assert reader is not None
        assert writer is not None
        assert messages is not None
        writer.write(orjson.dumps({"code": code, "args": args}) + b"\n")
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), seconds)
        assert line, f"The browser has ended:\n{(await messages.read()).decode(errors='replace')}"
        answer = orjson.loads(line)
        assert "error" not in answer, f"{answer['error']}\nfaults: {answer['faults']}"
        return answer["result"]

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
