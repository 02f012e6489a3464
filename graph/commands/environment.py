"""What a command is told from outside: the `FLOWKEEP_*` variables, and the options that go before them."""

import logging
import os
from difflib import get_close_matches
from typing import Any, NamedTuple

import typer
from pydantic import ValidationError

from db.errors import NotReady
from graph.addresses import endpoint_at, endpoint_of
from graph.settings import Settings, variable

logger = logging.getLogger("flowkeep")

# Where a service is reached that listens on every address.
_FROM_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def load_settings(**given: Any) -> Settings:
    """Settings from the environment, overridden by the options that were given.

    Raises `NotReady` naming the variables that can't be understood.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = "; ".join(
            f"{variable('_'.join(map(str, problem['loc'])))}: {problem['msg']}"
            if problem["loc"]
            else problem["msg"]  # about several, which it names itself
            for problem in error.errors()
        )
        raise NotReady(f"These settings can't be understood: {wrong}.") from error


def warn_of_unknown_variables() -> None:
    """Log which `FLOWKEEP_*` variables are no settings, each with the name that may have been meant."""
    known = [variable(name) for name in Settings.model_fields]
    for name in sorted(os.environ):
        if name.upper().startswith(variable("")) and name.upper() not in known:
            nearest = get_close_matches(name.upper(), known, 1, 0.8)
            hint = f"did you mean {nearest[0]}?" if nearest else "`flowkeep settings` lists what there is."
            logger.warning("%s is no setting and has no effect; %s", name, hint)


def require_consent(question: str, yes: bool) -> None:
    """Ask, unless the answer came as an option; raises `NotReady` for any other answer, and for none."""
    if yes:
        return
    try:
        if typer.confirm(question, err=True):
            return
    except typer.Abort:  # by Ctrl-C, or where nobody can answer
        typer.echo(err=True)
    raise NotReady("Nothing was changed. --yes answers in advance.")


class Service(NamedTuple):
    """A running service, and the token to show it."""

    url: str
    token: str | None


def find_service(url: str | None = None, token: str | None = None) -> Service:
    """The service that a command speaks to: the one it was told, else the one that listens by these settings.

    Raises `NotReady` where they don't say which that is.
    """
    warn_of_unknown_variables()
    settings = load_settings(url=url, token=token)
    shown = settings.token.get_secret_value() if settings.token else None
    if settings.url is not None:
        return Service(endpoint_of(settings.url), shown)
    if settings.port == 0:
        raise NotReady(
            "FLOWKEEP_PORT=0 lets the service take any port that is free: "
            "say where it is, with --url or FLOWKEEP_URL."
        )
    return Service(endpoint_at(_FROM_HERE.get(settings.host, settings.host), settings.port), shown)
