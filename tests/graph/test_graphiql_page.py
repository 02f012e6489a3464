"""GraphiQL's page and its assets as the service sends them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from graph.http import graphiql

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
    (folder / "index.html").write_text("<!doctype html><title>Built</title>")
    (folder / "licenses.md").write_text("Licences")
    (folder / "assets" / "index-AbC_12-x.js").write_text("export {};")
    (folder / "assets" / "font-1.ttf").write_bytes(b"\x00\x01")
    monkeypatch.setattr(graphiql, "STATIC", folder)
    return folder


def policy(response: httpx.Response) -> dict[str, set[str]]:
    """The directives of the page's policy."""
    directives = (part.split() for part in response.headers["content-security-policy"].split(";"))
    return {name: set(sources) for name, *sources in directives}


async def test_the_page_is_what_was_built(browser: httpx.AsyncClient, static: Path) -> None:
    response = await browser.get("/graphql")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == (static / "index.html").read_text()


async def test_the_page_may_load_from_its_host_only(browser: httpx.AsyncClient, static: Path) -> None:
    allowed = policy(await browser.get("/graphql"))
    assert allowed["default-src"] == {"'none'"}
    assert allowed["script-src"] == allowed["worker-src"] == allowed["connect-src"] == {"'self'"}
    assert {source for sources in allowed.values() for source in sources} == {
        "'none'",
        "'self'",
        "'unsafe-inline'",
        "data:",
    }
    assert [name for name, sources in allowed.items() if "'unsafe-inline'" in sources] == ["style-src"]
    for directive in ("base-uri", "form-action", "frame-ancestors"):
        assert allowed[directive] == {"'none'"}


async def test_the_page_is_not_framed_sniffed_or_kept(browser: httpx.AsyncClient, static: Path) -> None:
    headers = (await browser.get("/graphql")).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "Accept" in headers["vary"]


async def test_without_a_build_the_page_says_how_to_get_one(
    browser: httpx.AsyncClient, static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphiql, "STATIC", static / "nowhere")
    assert not graphiql.built()
    response = await browser.get("/graphql")
    assert response.status_code == 200
    assert "make web" in response.text
    assert "<script" not in response.text
    assert "://" not in response.text
    assert policy(response)["default-src"] == {"'none'"}
    assert (await browser.get("/graphql/assets/index-AbC_12-x.js")).status_code == 404


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("index-AbC_12-x.js", "text/javascript; charset=utf-8"), ("font-1.ttf", "font/ttf")],
)
async def test_assets_are_kept_for_good(
    browser: httpx.AsyncClient, static: Path, name: str, media_type: str
) -> None:
    response = await browser.get(f"/graphql/assets/{name}")
    assert response.status_code == 200
    assert response.content == (static / "assets" / name).read_bytes()
    assert response.headers["content-type"] == media_type
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert (await browser.head(f"/graphql/assets/{name}")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "missing.js",
        "",
        "%2e%2e",
        "..%2flicenses.md",
        "%2e%2e/licenses.md",
        "%2e%2e%2f%2e%2e%2fgraphiql.py",
        "..%5clicenses.md",
        "%2fetc%2fpasswd",
        "%2e%2e%00",
        "index-AbC_12-x.js%00",
        "x" * 5000,
    ],
)
async def test_nothing_else_is_sent(browser: httpx.AsyncClient, static: Path, path: str) -> None:
    response = await browser.get(f"/graphql/assets/{path}")
    assert response.status_code == 404


@pytest.mark.skipif(not graphiql.built(), reason="GraphiQL is not built; make web does it")
async def test_the_build_is_complete_and_its_own(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/graphql")).text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded
    for address in loaded:
        assert re.fullmatch(r"/graphql/assets/[\w.-]+", address)
        assert (await browser.get(address)).status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not list(graphiql.STATIC.rglob("*.map"))
