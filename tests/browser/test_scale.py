"""10,000 steps and a million log lines of one execution: the page stays small, and nothing freezes."""

import sys
from datetime import timedelta
from uuid import UUID

import pytest

from db.engine import Database
from db.enums import ExecutionStatus, StepStatus
from graph.ids import Kind, encode
from tests.browser.driver import Page
from tests.factories import NOW, Factory

STEPS = 10_000
LINES = 1_000_000
LONGEST_FREEZE = 200  # milliseconds
# The rows of one execution, made by the database: a million of them one by one would take minutes.
LOGS = """
INSERT INTO log_entries (execution_id, seq, step_seq, level, message, logged_at)
SELECT $1, n, 1 + n % 10000, CASE WHEN n % 1000 = 0 THEN 40 ELSE 20 END, 'line ' || n || ' of the log',
       $2::timestamptz + n * interval '1 millisecond'
FROM generate_series(1, $3::bigint) n
"""
# Frames while something scrolls: how long each took, in milliseconds.
FRAMES = """
const scroller = document.querySelector(selector);
const frames = [];
let last = performance.now();
await new Promise((done) => {
  let left = 90;
  const frame = (now) => {
    frames.push(now - last);
    last = now;
    scroller.scrollTop += by;
    if (left-- > 0) requestAnimationFrame(frame); else done();
  };
  requestAnimationFrame(frame);
});
return frames.slice(1);
"""
SCROLL = f"""return await page.evaluate(async ({{selector, by}}) => {{ {FRAMES} }}, args)"""
LONG_TASKS = "return await page.evaluate(() => window.longTasks)"
WATCH = """await page.addInitScript(() => {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
  }).observe({type: 'longtask', buffered: true});
})"""


async def large(make: Factory, database: Database) -> UUID:
    """An execution with that many steps, in layers that depend on each other, and that many lines."""
    key = await make.execution(
        status=ExecutionStatus.FAILED,
        started_at=NOW,
        completed_at=NOW + timedelta(hours=3),
        error={"message": "x"},
    )
    rows = [
        {
            "seq": seq,
            "key": f"part_{seq}",
            "depends_on": [f"part_{seq - 100}"] if seq > 100 else [],
            "status": StepStatus.FAILED if seq == STEPS else StepStatus.COMPLETED,
            "started_at": NOW + timedelta(seconds=seq),
            "completed_at": NOW + timedelta(seconds=seq + 30),
        }
        for seq in range(1, STEPS + 1)
    ]
    for start in range(0, STEPS, 1_000):
        await make.records(key, steps=rows[start : start + 1_000])
    async with database.maintaining() as connection:
        await connection.execute(LOGS, key, NOW, LINES)
        await connection.execute("UPDATE executions SET log_seq = $2 WHERE id = $1", key, LINES)
    return key


def said(what: str, frames: list[float]) -> str:
    """A line for who reads the test's output."""
    ordered = sorted(frames)
    middle, longest = ordered[len(ordered) // 2], ordered[-1]
    return f"{what}: {len(frames)} frames, median {middle:.1f} ms, longest {longest:.1f} ms"


async def look(page: Page, run: str) -> tuple[float, str]:
    """Go through timeline, graph and log; the longest freeze, and what was measured."""
    await page.open(f"/executions/{run}")
    painted = await page.do(
        """return await page.evaluate(
          () => performance.getEntriesByName('first-contentful-paint')[0].startTime)"""
    )
    await page.see("1 failed", ".timeline")
    await page.do("await page.getByText('attempts so far').waitFor({state: 'detached'})")
    # The group of all parts is unfolded, for the step that failed is shown in it: ten thousand rows, of which
    # a few dozen are on the page.
    await page.do("await page.locator('.line.within').first().waitFor()")
    await page.do("await page.locator('.lanes').evaluate(lanes => { lanes.scrollTop = 0 })")
    timeline = await page.do(SCROLL, selector=".lanes", by=400)
    assert await page.do("return await page.locator('.timeline .line').count()") < 120

    await page.do("await page.getByRole('tab', {name: 'Graph'}).click()")
    await page.do("await page.getByRole('application').waitFor()")

    await page.do("await page.getByRole('tab', {name: 'Logs'}).click()")
    await page.see(f"line {LINES} of the log", ".lines")
    log = await page.do(SCROLL, selector=".logs .lines", by=-2_000)
    assert await page.do("return await page.locator('.log-line').count()") < 200
    await page.do("await page.locator('.logs .lines').evaluate(lines => { lines.scrollTop = 10_000_000 })")
    await page.do("await page.locator('.log-line .text').first().waitFor()")
    assert await page.do("return await page.evaluate(() => document.querySelectorAll('*').length)") < 2_500
    frozen = max(await page.do(LONG_TASKS), default=0)
    first = f"first paint after {painted:.0f} ms, longest task {frozen:.0f} ms"
    return frozen, f"{first}\n{said('timeline', timeline)}\n{said('log', log)}\n"


@pytest.mark.slow
async def test_a_large_execution_is_shown_and_scrolled(
    page: Page, make: Factory, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    run = encode(Kind.EXECUTION, await large(make, database))
    await page.do(WATCH)
    looked = []
    for _ in range(3):
        looked.append(await look(page, run))
        with capsys.disabled():
            sys.stdout.write(f"\n{looked[-1][1]}")
        if looked[-1][0] <= LONGEST_FREEZE:
            break
    # What else the machine does can hold the page up: the best of three is what the page needs itself.
    assert min(frozen for frozen, _ in looked) <= LONGEST_FREEZE
