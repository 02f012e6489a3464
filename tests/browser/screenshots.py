"""Pictures of each page, light and dark, of a service on which the demonstration ran: `make screenshots`."""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import typer
from pydantic import SecretStr

from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.errors import NotReady
from db.migrate import migrate
from graph.http.pages import built
from graph.settings import Settings
from tests.browser.driver import DRIVER, Browser
from tests.client import Client
from tests.node.runner import install
from tests.serving import serving

ROOT = Path(__file__).parents[2]
SIZE = {"width": 1280, "height": 800}
# Which of the demonstration's executions a page is of.
NEWEST = """query ($name: String!, $status: [ExecutionStatus!]) {
  executions(first: 1, filter: {workflowName: {eq: $name}, status: $status}) { nodes { id } }
}"""
PICTURES = {
    "executions": "/?window=PT1H",
    "execution": "/executions/{failed}",
    "timeline": "/executions/{retried}?step=fetch_rates",
    "graph": "/executions/{retried}?tab=graph&step=",
    "logs": "/executions/{retried}?tab=logs",
    "state": "/executions/{retried}?tab=state&version=6&with=4",
    "checkpoints": "/executions/{failed}?tab=checkpoints",
    "history": "/executions/{failed}?tab=history",
    "workflows": "/workflows",
    "workflow": "/workflows/nightly-sales",
    "failures": "/failures",
    "operations": "/operations",
}


async def shown(client: Client, name: str, *status: str) -> str:
    """The newest execution of a workflow with one of these statuses."""
    data = await client.ask(NEWEST, name=name, status=list(status) or None)
    return str(data["executions"]["nodes"][0]["id"])


async def fill(url: str) -> None:
    """Run the demonstration on the service."""
    env = {**os.environ, "FLOWKEEP_URL": url}
    command = [sys.executable, "-m", "examples.demo", "--yes", "--executions", "4"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env)
    if await process.wait():
        raise NotReady("The demonstration did not come to its end; it says why above.")


async def take(url: str, folder: Path, scratch: Path, chromium: str) -> None:
    """Take every picture in both schemes."""
    node = install(scratch / "node")
    async with httpx.AsyncClient(timeout=60, verify=False) as http:
        client = Client(url, http)
        ids = {
            "failed": await shown(client, "warehouse", "FAILED"),
            "retried": await shown(client, "nightly-sales"),
        }
    for scheme in ("light", "dark"):
        options: dict[str, Any] = {"colorScheme": scheme, "viewport": SIZE, "timezoneId": "UTC"}
        async with node.started(DRIVER, chromium) as process, Browser(process).page(url, **options) as page:
            for name, path in PICTURES.items():
                await page.open(path.format(**ids))
                picture = str(folder / f"{name}-{scheme}.png")
                await page.do(
                    "await page.waitForTimeout(1500); await page.screenshot({path: args.picture})",
                    picture=picture,
                )
                typer.echo(f"{name}, {scheme}")


async def run(folder: Path, scratch: Path, chromium: str) -> None:
    """Serve an empty database, fill it, look at it."""
    with EmbeddedPostgres(scratch / "data") as database_url:
        database = Database(database_url)
        await migrate(database)
        await database.close()
        async with serving(Settings(database_url=SecretStr(database_url))) as url:
            await fill(url)
            await take(url, folder, scratch, chromium)


def main(folder: Path) -> None:
    """Write the pictures to a folder."""
    chromium = shutil.which("chromium")
    if chromium is None or not built():
        typer.echo("Pictures take Chromium (Debian's package chromium) and the pages (make web).", err=True)
        raise typer.Exit(1)
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="flowkeep-screenshots-"))
    # Root's PostgreSQL runs as another user, who must be able to get there.
    scratch.chmod(0o755)
    try:
        asyncio.run(run(folder.resolve(), scratch, chromium))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
