"""The pages as they were built from `web/`: the dashboard, GraphiQL and their assets, all from this host."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"
# What the dashboard shows is in the address, so that it can be kept and shared.
_DASHBOARD_PATHS = (
    "/",
    "/executions/{id}",
    "/workflows",
    "/workflows/{name:path}",
    "/failures",
    "/operations",
)
_SETTINGS = b'<meta name="flowkeep" content="{}"'

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
# GraphiQL's editor sets its colours with style elements.
_GRAPHIQL_POLICY = {**_POLICY, "style-src": "'self' 'unsafe-inline'"}
_PAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}
# A name has the hash of its content in it.
_ASSET_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "public, max-age=31536000, immutable",
}
# Python's own table is the host's, and some hosts take scripts for plain text.
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}
_NOT_BUILT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Flowkeep</title>
</head>
<body>
<h1>Flowkeep</h1>
<p>The GraphQL API works at <code>/graphql</code>: send it a <code>POST</code> with a JSON body such as
<code>{"query": "{ health { version } }"}</code> and the header <code>Content-Type: application/json</code>.
</p>
<p>The dashboard and GraphiQL are not part of this installation. Releases and wheels bring them along; in a
checkout, <code>make web</code> builds them, which needs Node 20.19 or newer. Load this page again afterwards:
it will be there, and need no network.</p>
</body>
</html>
"""


def built() -> bool:
    """Whether the pages are part of this installation."""
    return (STATIC / "index.html").is_file()


def documents() -> Path | None:
    """The file of the dashboard's documents, as trusted documents are given; None where it was not built."""
    path = STATIC / "documents.json"
    return path if built() and path.is_file() else None


def graphiql() -> Response:
    """GraphiQL's page, or one that says how to get it where it was not built."""
    return _page("graphiql.html", _GRAPHIQL_POLICY)


def dashboard(settings: Mapping[str, Any]) -> list[Route]:
    """The addresses of the dashboard, whose page is told these settings.

    It talks to this host alone, and to the provider that signs people in, where there is one.
    """
    content = html.escape(orjson.dumps(settings).decode()).encode()
    policy = dict(_POLICY)
    if provider := settings.get("oidc"):
        issuer = urlsplit(provider["issuer"])
        policy["connect-src"] += f" {issuer.scheme}://{issuer.netloc}"

    async def page(request: Request) -> Response:
        return _page("index.html", policy, content)

    return [Route(path, page, methods=["GET"]) for path in _DASHBOARD_PATHS]


def assets() -> Route:
    """Where the pages' scripts, styles and fonts are."""
    return Route("/assets/{name}", _asset, methods=["GET"])


def _page(name: str, policy: Mapping[str, str], settings: bytes = b"{}") -> Response:
    content = (STATIC / name).read_bytes() if built() else _NOT_BUILT.encode()
    written = content.replace(_SETTINGS, b'<meta name="flowkeep" content="%b"' % settings)
    directives = "; ".join(f"{directive} {sources}" for directive, sources in policy.items())
    return HTMLResponse(written, headers={**_PAGE_HEADERS, "Content-Security-Policy": directives})


async def _asset(request: Request) -> Response:
    folder, name = STATIC / "assets", request.path_params["name"]
    # Looked up among the names that there are, so that none can lead elsewhere.
    if not folder.is_dir() or name not in {path.name for path in folder.iterdir()}:
        raise HTTPException(404)
    media_type = _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
    return FileResponse(folder / name, media_type=media_type, headers=_ASSET_HEADERS)
