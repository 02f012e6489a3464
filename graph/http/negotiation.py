"""Media types that come and go, and what tells a program from a page that a browser was lured to."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from graph.addresses import is_loopback
from graph.errors import Rejection

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"

# A page of another origin can send none of these without asking first, by a preflight that we answer only
# for the origins of the settings.
_PREFLIGHTED = (
    "authorization",
    "x-requested-with",
    "graphql-require-preflight",
    "apollo-require-preflight",
    "x-apollo-operation-name",
)


def accepted_types(headers: Headers) -> list[tuple[str, float]]:
    """The media types of the Accept header, with their weights."""
    found = []
    for part in headers.get("accept", "*/*").split(","):
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


def answer_type(headers: Headers) -> str:
    """The media type to answer in: the newer one only for clients that name it; raises `Rejection` 406."""
    weights = dict(accepted_types(headers))
    best, best_weight = None, 0.0
    wildcard = max(weights.get("*/*", 0.0), weights.get("application/*", 0.0))
    for name, weight in ((GRAPHQL, weights.get(GRAPHQL, 0.0)), (JSON, weights.get(JSON, wildcard))):
        if weight > best_weight:
            best, best_weight = name, weight
    if best is None and EVENT_STREAM not in weights:
        raise Rejection.of(f"Answers come as {GRAPHQL} or {JSON}.", "BAD_USER_INPUT", 406)
    return best or GRAPHQL


def wants(headers: Headers, media_type: str) -> bool:
    """Whether the Accept header names the media type itself."""
    return any(name == media_type and weight > 0 for name, weight in accepted_types(headers))


def takes_events(headers: Headers, *, also_others: bool) -> bool:
    """Whether to answer by events: the Accept header names them, and with `also_others` nothing else."""
    if not wants(headers, EVENT_STREAM):
        return False
    others = (JSON, GRAPHQL, "application/*", "*/*")
    return not (also_others and any(wants(headers, name) for name in others))


def require_json(headers: Headers) -> None:
    """Raise `Rejection` 415 for a body that does not call itself JSON in UTF-8, or is compressed.

    It is also what keeps forms of other origins out: they can't send this type without a preflight.
    """
    name, parameters = _content_type(headers)
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if name != JSON or (charset not in ("", "utf-8", "utf8")):
        raise Rejection.of(
            f"The body should be {JSON}, in UTF-8, and its Content-Type say so.", "BAD_USER_INPUT", 415
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Rejection.of("Compressed bodies are not taken.", "BAD_USER_INPUT", 415)


def _content_type(headers: Headers) -> tuple[str, str]:
    name, _, parameters = headers.get("content-type", "").partition(";")
    return name.strip().lower(), parameters


def _address(url: str) -> tuple[str, str]:
    """The address that a URL names and its host alone; nothing for what is no URL."""
    try:
        parts = urlsplit(url)
        return parts.netloc, parts.hostname or ""
    except ValueError:
        return "", ""


def require_same_site(headers: Headers, allowed: tuple[str, ...]) -> None:
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


def require_own_host(headers: Headers) -> None:
    """Raise `Rejection` 403 for a request that was not addressed to this machine.

    For callers whom nobody asks who they are: a page could have its own name point at 127.0.0.1, and then
    be of the same origin.
    """
    _, host = _address(f"//{headers.get('host', '')}")
    if not is_loopback(host):
        raise Rejection.of(
            f"Without authentication only requests to this machine are answered, not to {host[:100]!r}.",
            "FORBIDDEN",
            403,
        )


def require_preflight(headers: Headers) -> None:
    """Raise `Rejection` for a GET that a browser could send for any page without asking first.

    Programs that send Sec-Fetch-Mode of themselves (Node's fetch) leave out Sec-Fetch-Site, which no
    browser does.
    """
    if any(name in headers for name in _PREFLIGHTED) or _content_type(headers)[0] == JSON:
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
