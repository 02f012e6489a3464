"""The dashboard's and GraphiQL's pages, and their assets, as the service sends them."""

import gzip
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest
import pytest_asyncio
from pydantic import SecretStr

from graph.http import pages
from graph.settings import Settings
from tests.serving import serving

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest_asyncio.fixture
async def browser(server_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the server as a browser does."""
    async with httpx.AsyncClient(
        base_url=server_url.removesuffix("/graphql"), headers=BROWSER, verify=False
    ) as http:
        yield http


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a small build, with a file beside it that nobody may have."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text('<title>Dashboard</title><meta name="flowkeep" content="{}" />')
    (folder / "graphiql.html").write_text("<!doctype html><title>GraphiQL</title>")
    (folder / "licenses.md").write_text("Licences")
    (folder / "assets" / "index-AbC_12-x.js").write_text("export {};")
    (folder / "assets" / "font-1.ttf").write_bytes(b"\x00\x01")
    monkeypatch.setattr(pages, "STATIC", folder)
    return folder


def policy(response: httpx.Response) -> dict[str, set[str]]:
    """The directives of the page's policy."""
    directives = (part.split() for part in response.headers["content-security-policy"].split(";"))
    return {name: set(sources) for name, *sources in directives}


PAGES = pytest.mark.parametrize(
    "path", ["/", "/graphql", "/executions/exec_1", "/workflows/a/b", "/failures"]
)


@pytest.mark.parametrize(("path", "name"), [("/graphql", "graphiql.html"), ("/operations", "index.html")])
async def test_the_page_is_what_was_built(
    browser: httpx.AsyncClient, static: Path, path: str, name: str
) -> None:
    response = await browser.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    title = re.search("<title>.*</title>", (static / name).read_text())
    assert title is not None
    assert title[0] in response.text


@PAGES
async def test_the_page_may_load_from_its_host_only(
    browser: httpx.AsyncClient, static: Path, path: str
) -> None:
    allowed = policy(await browser.get(path))
    assert allowed["default-src"] == {"'none'"}
    assert allowed["script-src"] == allowed["worker-src"] == allowed["connect-src"] == {"'self'"}
    assert {source for sources in allowed.values() for source in sources} <= {
        "'none'",
        "'self'",
        "'unsafe-inline'",
        "data:",
    }
    for directive in ("base-uri", "form-action", "frame-ancestors"):
        assert allowed[directive] == {"'none'"}


@pytest.mark.parametrize(("path", "lax"), [("/", []), ("/graphql", ["style-src"])])
async def test_only_the_editor_writes_styles(
    browser: httpx.AsyncClient, static: Path, path: str, lax: list[str]
) -> None:
    allowed = policy(await browser.get(path))
    assert [name for name, sources in allowed.items() if "'unsafe-inline'" in sources] == lax


@PAGES
async def test_the_page_is_not_framed_sniffed_or_kept(
    browser: httpx.AsyncClient, static: Path, path: str
) -> None:
    headers = (await browser.get(path)).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "Accept" in headers["vary"]


async def test_the_dashboard_is_told_the_settings(browser: httpx.AsyncClient, static: Path) -> None:
    told = re.search('name="flowkeep" content="([^"]*)"', (await browser.get("/")).text)
    assert told is not None
    assert orjson.loads(html.unescape(told[1])) == {"graphiql": True}


async def test_the_dashboard_may_ask_the_provider_that_signs_people_in(worker_url: str, static: Path) -> None:
    settings = Settings(
        database_url=SecretStr(worker_url),
        oidc_issuer="https://id.example.org/realm",
        oidc_audience="flowkeep",
        oidc_client_id="dashboard",
    )
    async with serving(settings) as url, httpx.AsyncClient(headers=BROWSER, verify=False) as http:
        response = await http.get(url.removesuffix("graphql"))
        assert policy(response)["connect-src"] == {"'self'", "https://id.example.org"}
        assert policy(await http.get(url))["connect-src"] == {"'self'"}


@PAGES
async def test_without_a_build_the_page_says_how_to_get_one(
    browser: httpx.AsyncClient, static: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(pages, "STATIC", static / "nowhere")
    assert not pages.built()
    response = await browser.get(path)
    assert response.status_code == 200
    assert "make web" in response.text
    assert "<script" not in response.text
    assert "://" not in response.text
    assert policy(response)["default-src"] == {"'none'"}
    assert (await browser.get("/assets/index-AbC_12-x.js")).status_code == 404


async def test_without_the_dashboard_there_is_the_endpoint(worker_url: str) -> None:
    settings = Settings(database_url=SecretStr(worker_url), dashboard=False)
    async with serving(settings) as url, httpx.AsyncClient(headers=BROWSER, verify=False) as http:
        root = url.removesuffix("/graphql")
        assert (await http.get(f"{root}/")).headers["location"] == "/graphql"
        assert (await http.get(f"{root}/failures")).status_code == 404


async def test_a_build_of_another_release_is_told_of(
    worker_url: str, static: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (static / "documents.json").write_text('{"one": "{ goneSince }"}')
    async with serving(Settings(database_url=SecretStr(worker_url))):
        assert "make web" in caplog.text


async def test_the_dashboard_s_documents_are_answered_where_only_trusted_ones_are(
    worker_url: str, static: Path
) -> None:
    (static / "documents.json").write_text('{"one": "{ __typename }"}')
    settings = Settings(database_url=SecretStr(worker_url), trusted_only=True)
    async with serving(settings) as url, httpx.AsyncClient(verify=False) as http:
        answer = await http.post(url, json={"documentId": "one"})
        assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("index-AbC_12-x.js", "text/javascript; charset=utf-8"), ("font-1.ttf", "font/ttf")],
)
async def test_assets_are_kept_for_good(
    browser: httpx.AsyncClient, static: Path, name: str, media_type: str
) -> None:
    response = await browser.get(f"/assets/{name}")
    assert response.status_code == 200
    assert response.content == (static / "assets" / name).read_bytes()
    assert response.headers["content-type"] == media_type
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert (await browser.head(f"/assets/{name}")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "missing.js",
        "",
        "%2e%2e",
        "..%2flicenses.md",
        "%2e%2e/licenses.md",
        "%2e%2e%2f%2e%2e%2fpages.py",
        "..%5clicenses.md",
        "%2fetc%2fpasswd",
        "%2e%2e%00",
        "index-AbC_12-x.js%00",
        "x" * 5000,
    ],
)
async def test_nothing_else_is_sent(browser: httpx.AsyncClient, static: Path, path: str) -> None:
    response = await browser.get(f"/assets/{path}")
    assert response.status_code == 404


@pytest.mark.skipif(not pages.built(), reason="The pages are not built; make web does it")
@pytest.mark.parametrize("path", ["/", "/graphql"])
async def test_the_build_is_complete_and_its_own(browser: httpx.AsyncClient, path: str) -> None:
    page = (await browser.get(path)).text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded
    for address in loaded:
        assert re.fullmatch(r"/assets/[\w.-]+", address)
        assert (await browser.get(address)).status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not list(pages.STATIC.rglob("*.map"))


@pytest.mark.skipif(not pages.built(), reason="The pages are not built; make web does it")
def test_the_first_page_is_small() -> None:
    """Before anything is shown; charts, graphs and the other pages come on demand."""
    page = (pages.STATIC / "index.html").read_text()
    loaded = re.findall(r'(?:src|href)="/(assets/[^"]+\.(?:js|css))"', page)
    assert sum(len(gzip.compress((pages.STATIC / name).read_bytes())) for name in loaded) <= 160_000
