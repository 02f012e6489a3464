"""The connection to PostgreSQL cut in mid-transaction: all of a write is there, or nothing of it."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from tests.client import Client
from tests.factories import Factory
from tests.outages.processes import service
from tests.outages.proxy import SOCKET, Moment, Proxy, Sender
from tests.outages.writers import Kept, Write, Writer, commit, kept, require_exactly_once

pytestmark = pytest.mark.slow

ROUNDS = 30
CREATE_EXECUTION = """mutation { createExecution(input: {workflowName: "w"}) {
  ... on ExecutionPayload { execution { id } } } }"""


@pytest_asyncio.fixture(scope="module")
async def proxy(worker_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before this worker's database, and the database's URL through it."""
    url = make_url(worker_url)
    proxy = Proxy(Path(str(url.query["host"])) / SOCKET)
    with tempfile.TemporaryDirectory(prefix="flowkeep-proxy-") as folder:
        async with proxy.listening(Path(folder)):
            through = url.update_query_dict({"host": folder})
            yield proxy, through.render_as_string(hide_password=False)


@pytest_asyncio.fixture(scope="module")
async def url(proxy: tuple[Proxy, str]) -> AsyncIterator[str]:
    """A service behind the proxy; the same one for all tests, which must all leave it able to go on."""
    stack = ExitStack()
    # In a thread: while the service starts and stops, this loop is its way to the database.
    yield await asyncio.to_thread(stack.enter_context, service(proxy[1]))
    await asyncio.to_thread(stack.close)


@pytest_asyncio.fixture
async def writer(url: str) -> AsyncIterator[Writer]:
    async with httpx.AsyncClient(timeout=60) as http:
        yield Writer(url, http)


@pytest_asyncio.fixture
async def execution(url: str, make: Factory) -> str:
    """An execution, made through the service and so with a connection in its pool."""
    await make.workflow(name="w")
    async with httpx.AsyncClient(timeout=60) as http:
        made: dict[str, Any] = await Client(url, http).ask(CREATE_EXECUTION)
    return str(made["createExecution"]["execution"]["id"])


async def test_a_write_cut_at_any_byte_is_whole_or_not_there(
    proxy: tuple[Proxy, str], writer: Writer, execution: str, worker_url: str
) -> None:
    cutter = proxy[0]
    await writer.write(commit(execution, "the first one fills caches"))
    cutter.sent.clear()
    cutter.cuts = 0
    await writer.write(commit(execution, "the second one is measured"))
    sizes = dict(cutter.sent)
    for number in range(ROUNDS):
        sender = random.choice(list(Sender))
        # Several in a row: the service tries again by itself, and is to fail at that too.
        places = [random.randint(1, sizes[sender]) for _ in range(random.choice((1, 2, 6)))]
        cutter.cut_after(sender, places)
        await writer.write(commit(execution, f"round {number}"), keyed=number % 3 != 0)
        cutter.heal()
        held = await kept(worker_url, execution)
        if writer.writes[-1].answer is None and not adopted(writer.writes[-1], held):
            writer.writes.pop()
        require_exactly_once(held, writer.writes)
    assert cutter.cuts >= ROUNDS
    assert writer.codes == {"UNAVAILABLE"}


def adopted(write: Write, held: Kept) -> bool:
    """Whether a write whose outcome was not told took place; its answer is then what it would have been."""
    found = {label: (seq, version) for label, seq, version in held.checkpoints}
    if write.name not in found:
        return False
    seq, version = found[write.name]
    write.answer = {"step": {"seq": dict(held.steps)[write.name]}, "state": {"version": version}}
    write.answer["checkpoint"] = {"seq": seq}
    return True


@pytest.mark.parametrize("moment", Moment)
async def test_a_keyed_write_is_repeated_by_the_service(
    proxy: tuple[Proxy, str], writer: Writer, execution: str, worker_url: str, moment: Moment
) -> None:
    proxy[0].cut_at(moment, b'"label":"cut here"')
    await writer.write(commit(execution, "cut here"))
    assert proxy[0].cuts == 1
    assert writer.writes[0].sent == 1
    require_exactly_once(await kept(worker_url, execution), writer.writes)


@pytest.mark.parametrize("moment", Moment)
async def test_a_write_without_a_key_is_not_repeated(
    proxy: tuple[Proxy, str], writer: Writer, execution: str, worker_url: str, moment: Moment
) -> None:
    proxy[0].cut_at(moment, b'"label":"cut here"')
    await writer.write(commit(execution, "cut here"), keyed=False)
    assert writer.codes == {"UNAVAILABLE"}
    held = await kept(worker_url, execution)
    assert adopted(writer.writes[0], held) == (moment is Moment.AFTER)
    require_exactly_once(held, writer.writes if moment is Moment.AFTER else [])


async def test_a_connection_that_is_about_to_close_is_no_fault_of_ours(
    proxy: tuple[Proxy, str], writer: Writer, execution: str, worker_url: str
) -> None:
    proxy[0].say_good_bye()
    async with httpx.AsyncClient(timeout=60) as http:
        # What it reads is read again, on another connection.
        await Client(writer.url, http).ask("{ workflows { totalCount } }")
    await asyncio.gather(*(writer.write(commit(execution, f"during {number}")) for number in range(5)))
    proxy[0].cut_all()
    await asyncio.gather(*(writer.write(commit(execution, f"after {number}")) for number in range(5)))
    assert writer.codes <= {"UNAVAILABLE"}
    require_exactly_once(await kept(worker_url, execution), writer.writes)


async def test_the_service_goes_on_when_every_connection_of_its_pool_is_cut(
    proxy: tuple[Proxy, str], writer: Writer, execution: str, worker_url: str
) -> None:
    await asyncio.gather(*(writer.write(commit(execution, f"before {number}")) for number in range(20)))
    proxy[0].cut_all()
    await asyncio.gather(*(writer.write(commit(execution, f"after {number}")) for number in range(20)))
    assert {write.sent for write in writer.writes} == {1}
    require_exactly_once(await kept(worker_url, execution), writer.writes)
