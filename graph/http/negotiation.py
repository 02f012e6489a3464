"""Media types that come and go, and what tells a program from a page that a browser was lured to."""

from urllib.parse import urlsplit

from graph.addresses import is_loopback
from graph.errors import Rejection
from graph.http.fields import Fields, remembered

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"
_ANYTHING = "*/*"

# A page of another origin can send none of these without asking first, by a preflight that we answer only
# for the origins of the settings.
_PREFLIGHTED = (
    "authorization",
    "x-requested-with",
    "graphql-require-preflight",
    "apollo-require-preflight",
    "x-apollo-operation-name",
)


@remembered
def _accepted_types(accept: str) -> list[tuple[str, float]]:
    """The media types of the Accept header, with their weights."""
    found = []
    for part in accept.split(","):
        name, _, parameters = part.partition(";")
        weight = 1.0
        for parameter in parameters.split(";"):
            key, _, value = parameter.strip().partition("=")
            if key == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        found.append((name.strip().lower(), weight))
    return found


def answer_type(headers: Fields) -> str:
    """The media type to answer in: the newer one only for clients that name it; raises `Rejection` 406."""
    best = _best_type(headers.get("accept", _ANYTHING))
    if best is None:
        raise Rejection.of(f"Answers come as {GRAPHQL} or {JSON}.", "BAD_USER_INPUT", 406)
    return best


@remembered
def _best_type(accept: str) -> str | None:
    weights = dict(_accepted_types(accept))
    best, best_weight = None, 0.0
    wildcard = max(weights.get("*/*", 0.0), weights.get("application/*", 0.0))
    for name, weight in ((GRAPHQL, weights.get(GRAPHQL, 0.0)), (JSON, weights.get(JSON, wildcard))):
        if weight > best_weight:
            best, best_weight = name, weight
    return best or (GRAPHQL if EVENT_STREAM in weights else None)


def wants(headers: Fields, media_type: str) -> bool:
    """Whether the Accept header names the media type itself."""
    return any(
        name == media_type and weight > 0
        for name, weight in _accepted_types(headers.get("accept", _ANYTHING))
    )


def takes_events(headers: Fields, *, also_others: bool) -> bool:
    """Whether to answer by events: the Accept header names them, and with `also_others` nothing else."""
    if not wants(headers, EVENT_STREAM):
        return False
    others = (JSON, GRAPHQL, "application/*", "*/*")
    return not (also_others and any(wants(headers, name) for name in others))


def require_json(headers: Fields) -> None:
    """Raise `Rejection` 415 for a body that does not call itself JSON in UTF-8, or is compressed.

    It is also what keeps forms of other origins out: they can't send this type without a preflight.
    """
    if not _is_json(headers.get("content-type", "")):
        raise Rejection.of(
            f"The body should be {JSON}, in UTF-8, and its Content-Type say so.", "BAD_USER_INPUT", 415
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Rejection.of("Compressed bodies are not taken.", "BAD_USER_INPUT", 415)


def _content_type(content_type: str) -> tuple[str, str]:
    name, _, parameters = content_type.partition(";")
    return name.strip().lower(), parameters


@remembered
def _is_json(content_type: str) -> bool:
    name, parameters = _content_type(content_type)
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return name == JSON and charset in ("", "utf-8", "utf8")


def _address(url: str) -> tuple[str, str]:
    """The address that a URL names and its host alone; nothing for what is no URL."""
    try:
        parts = urlsplit(url)
        return parts.netloc, parts.hostname or ""
    except ValueError:
        return "", ""


def require_same_site(headers: Fields, allowed: tuple[str, ...]) -> None:
    """Raise `Rejection` 403 for a request that a page of another origin, none of `allowed`, sends."""
    origin = headers.get("origin")
    if origin is not None:
        own = headers.get("host")
        if "*" in allowed or origin in allowed or (own and _address(origin)[0] == own):
            return
    elif headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return
    raise Rejection.of(
        "Pages of another origin may not do this; FLOWKEEP_CORS_ORIGINS names those that may.",
        "FORBIDDEN",
        403,
    )


@remembered
def _is_this_machine(host: str) -> bool:
    return is_loopback(_address(f"//{host}")[1])


def require_own_host(headers: Fields) -> None:
    """Raise `Rejection` 403 for a request that was not addressed to this machine.

    For callers whom nobody asks who they are: a page could have its own name point at 127.0.0.1, and then
    be of the same origin.
    """
    host = headers.get("host", "")
    if not _is_this_machine(host):
        name = _address(f"//{host}")[1]
        raise Rejection.of(
            f"Without authentication only requests to this machine are answered, not to {name[:100]!r}.",
            "FORBIDDEN",
            403,
        )


def require_preflight(headers: Fields) -> None:
    """Raise `Rejection` for a GET that a browser could send for any page without asking first.

    Programs that send Sec-Fetch-Mode of themselves (Node's fetch) leave out Sec-Fetch-Site, which no
    browser does.
    """
    if (
        any(name in headers for name in _PREFLIGHTED)
        or _content_type(headers.get("content-type", ""))[0] == JSON
    ):
        return
    if headers.get("sec-fetch-site", "") == "same-origin":
        return
    if headers.get("sec-fetch-mode") == "cors" and "sec-fetch-site" not in headers:
        return
    raise Rejection.of(
        "A GET needs a header that no page of another origin can send unasked, such as "
        "`GraphQL-Require-Preflight: 1`; or use POST.",
        "BAD_USER_INPUT",
        400,
    )
