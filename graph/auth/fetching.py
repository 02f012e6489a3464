"""Fetching a small JSON document from a provider: over TLS, with an end in time and in size."""

import time
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

import orjson

from graph.addresses import is_loopback, is_trusted

TIMEOUT_SECONDS = 5.0
LARGEST_DOCUMENT = 2**20
_CHUNK = 2**16


class FetchError(Exception):
    """The document can't be had; the message says why."""


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: it could lead away from TLS, or to somebody else's keys."""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        """Makes an error of it."""


def fetch_json(url: str) -> Any:
    """The document at `url`. It blocks: call it in a thread.

    Raises `FetchError`.
    """
    if not is_trusted(url):
        raise FetchError(f"{url} is not an https address")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    request = Request(url, headers={"Accept": "application/json", "User-Agent": "flowkeep"})
    try:
        with _opener(url).open(request, timeout=TIMEOUT_SECONDS) as response:
            return orjson.loads(_read(response, deadline))
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(f"{url} can't be read: {error}") from error


def _opener(url: str) -> OpenerDirector:
    # No proxy stands between this machine and itself.
    direct = [ProxyHandler({})] if is_loopback(urlsplit(url).hostname or "") else []
    return build_opener(_NoRedirect(), *direct)


def _read(response: Any, deadline: float) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > LARGEST_DOCUMENT:
            raise FetchError(f"{response.url} has more than {LARGEST_DOCUMENT} bytes")
        if time.monotonic() > deadline:
            raise FetchError(f"{response.url} took more than {TIMEOUT_SECONDS:g} s")
    return bytes(body)
