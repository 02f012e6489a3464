"""What a database URL says, with libpq's names for its parameters, to the driver.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import logging
import re
import ssl
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from db.errors import NotReady

logger = logging.getLogger("flowkeep.database")

_FORM = "it should look like postgresql://user:password@host:5432/name"
_SEVERAL_HOSTS = re.compile(r"([^:/]+://(?:[^/?#]*@)?)([^/?#@]*,[^/?#@]*)([^?]*)\??(.*)", re.DOTALL)
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl")
# The driver reads these as libpq does.
_TAKEN = (
    *_FILES,
    "sslmode",
    "sslpassword",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "target_session_attrs",
    "passfile",
    "service",
    "krbsrvname",
    "gsslib",
    "application_name",
    "options",
)
_OURS = ("host", "port", "user", "password", "dbname", "connect_timeout", "channel_binding", "ssl")
# The driver has nothing of the kind; a connection is as good without.
_IDLE = (
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "sslcompression",
    "sslsni",
    "gssencmode",
    "client_encoding",
    "fallback_application_name",
)


class Target(NamedTuple):
    """Where the database is, and with what arguments the driver connects to it."""

    url: URL
    arguments: dict[str, Any]

    @property
    def where(self) -> str:
        """The server, for messages."""
        host = self.url.host or self.url.query.get("host")
        hosts = host if isinstance(host, str | None) else ", ".join(host)
        return f"PostgreSQL at {hosts}:{self.url.port or 5432}"


def parse_url(url: str) -> Target:
    """The database that a URL names; raises `NotReady` where it can't be used, saying why."""
    parsed = _parsed(url)
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise NotReady(f"Flowkeep speaks to PostgreSQL only, not to {parsed.get_backend_name()}.")
    given = {name: value if isinstance(value, str) else value[-1] for name, value in parsed.query.items()}
    _refuse_unknown(given)
    parsed = parsed.set(
        drivername="postgresql+asyncpg",
        username=given.get("user", parsed.username),
        password=given.get("password", parsed.password),
        database=given.get("dbname", parsed.database),
        query={name: parsed.query[name] for name in ("host", "port") if name in parsed.query},
    )
    return Target(parsed, _arguments(given))


def masked_url(url: str) -> str:
    """The URL without what is secret in it."""
    try:
        parsed = _parsed(url)
    except NotReady:
        return "***"
    secret = {name: "***" for name in ("password", "sslpassword") if name in parsed.query}
    return parsed.update_query_dict(secret).render_as_string()


def _parsed(url: str) -> URL:
    several = _SEVERAL_HOSTS.fullmatch(url)
    if several is not None:
        # As `host` parameters, which is how SQLAlchemy has more than one.
        start, hosts, path, query = several.groups()
        url = f"{start}{path}?{'&'.join([*(f'host={host}' for host in hosts.split(',')), query])}"
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        raise NotReady(f"The database URL can't be read; {_FORM}.") from error


def _refuse_unknown(given: Mapping[str, str]) -> None:
    known = (*_TAKEN, *_OURS, *_IDLE)
    for name in given:
        if name not in known:
            nearest = get_close_matches(name, known, 1)
            hint = f"did you mean {nearest[0]}?" if nearest else "it takes libpq's, such as sslmode."
            raise NotReady(f"The database URL has a parameter that Flowkeep does not know, {name}; {hint}")


def _arguments(given: Mapping[str, str]) -> dict[str, Any]:
    taken = {name: given[name] for name in _TAKEN if name in given}
    if "fallback_application_name" in given:
        taken.setdefault("application_name", given["fallback_application_name"])
    arguments: dict[str, Any] = {}
    mode = _mode(given)
    if taken.get("sslrootcert") == "system":
        arguments["ssl"] = _of_the_system(mode)
        del taken["sslrootcert"]
    elif mode is not None:
        taken["sslmode"] = mode
    for name in _FILES:
        if name in taken and not Path(taken[name]).is_file():
            raise NotReady(f"The database URL names a file that is not there: {name}={taken[name]}.")
    if "connect_timeout" in given:
        arguments["timeout"] = _seconds(given["connect_timeout"])
    if taken:
        arguments["dsn"] = URL.create("postgresql", query=taken).render_as_string()
    return arguments


def _mode(given: Mapping[str, str]) -> str | None:
    """`sslmode`, also by its names in other drivers' URLs."""
    mode = given.get("sslmode", given.get("ssl"))
    if mode == "true":  # JDBC's, which libpq takes too
        mode = "require"
    if mode is not None and mode not in _MODES:
        raise NotReady(f"The database URL says sslmode={mode}; there are {', '.join(_MODES)}.")
    if given.get("channel_binding") != "require":
        return mode
    logger.warning(
        "channel_binding=require: the driver has no channel binding, so TLS is required instead. "
        "With sslmode=verify-full it proves who the server is."
    )
    return mode if mode in ("verify-ca", "verify-full") else "require"


def _of_the_system(mode: str | None) -> ssl.SSLContext:
    """Trust what this system trusts, for the host of that name alone."""
    if mode not in (None, "verify-full"):
        raise NotReady(f"sslrootcert=system goes with sslmode=verify-full, not with sslmode={mode}.")
    return ssl.create_default_context()


def _seconds(text: str) -> float | None:
    """`connect_timeout`: zero and less wait for ever."""
    try:
        seconds = int(text)
    except ValueError as error:
        raise NotReady(f"The database URL says connect_timeout={text}; it is a number of seconds.") from error
    return seconds if seconds > 0 else None
