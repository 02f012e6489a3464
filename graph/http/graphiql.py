"""GraphiQL as it was built from `web/`: its page and its assets, all from this host."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"

_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the editor sets its colours with style elements
        "img-src 'self' data:",
        "font-src 'self' data:",
        "worker-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_PAGE_HEADERS = {
    "Content-Security-Policy": _POLICY,
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
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }
</style>
</head>
<body>
<h1>Flowkeep</h1>
<p>The GraphQL API works at this address: send it a <code>POST</code> with a JSON body such as
<code>{"query": "{ health { version } }"}</code> and the header <code>Content-Type: application/json</code>.
</p>
<p>GraphiQL is not part of this installation. Releases and wheels bring it along; in a checkout,
<code>make web</code> builds it, which needs Node 20.19 or newer. Load this page again afterwards: it will be
GraphiQL, and need no network.</p>
</body>
</html>
"""


def built() -> bool:
    """Whether GraphiQL is part of this installation."""
    return (STATIC / "index.html").is_file()


def page() -> Response:
    """GraphiQL's page, or one that says how to get it where it was not built."""
    content = (STATIC / "index.html").read_bytes() if built() else _NOT_BUILT
    return HTMLResponse(content, headers=_PAGE_HEADERS)


def assets() -> Route:
    """Where the page's scripts, styles and fonts are."""
    return Route("/graphql/assets/{name}", _asset, methods=["GET"])


async def _asset(request: Request) -> Response:
    folder, name = STATIC / "assets", request.path_params["name"]
    # Looked up among the names that there are, so that none can lead elsewhere.
    if not folder.is_dir() or name not in {path.name for path in folder.iterdir()}:
        raise HTTPException(404)
    media_type = _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
    return FileResponse(folder / name, media_type=media_type, headers=_ASSET_HEADERS)
