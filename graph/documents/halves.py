"""Halves of surrogate pairs in an operation's variables, which are no characters.

A program that cuts its text in the middle of a pair logs one. Log entries keep what programs wrote, with
U+FFFD for what can't be kept; anywhere else a half is refused here, before anything would break of it.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLInputObjectType, GraphQLInputType, GraphQLList, GraphQLNonNull

from db.texts import is_unicode

_OF_PROGRAMS = {"LogEntryInput": ("message", "fields")}


def refuse_halves(variables: Mapping[str, Any], kinds: tuple[tuple[str, GraphQLInputType], ...]) -> None:
    """Raise BAD_USER_INPUT for one anywhere but in a log entry.

    `kinds` has the types of the variables with lists, without which there are no log entries.
    """
    try:
        orjson.dumps(variables)
        return
    except TypeError:  # also of long numbers and deep nesting, which are refused where they are used
        pass
    known = dict(kinds)
    try:
        for name, value in variables.items():
            _refuse(value, known.get(name), name)
    except RecursionError:
        raise _bad_input("The variables are nested too deeply.") from None


def _refuse(value: Any, kind: Any, name: str) -> None:
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if isinstance(value, str) and not is_unicode(value):
        raise _bad_input(f"`{name}` holds half of a surrogate pair, which is no character.")
    if isinstance(value, list):
        inner = kind.of_type if isinstance(kind, GraphQLList) else None
        for number, item in enumerate(value):
            _refuse(item, inner, f"{name}[{number}]")
    elif isinstance(value, dict):
        _refuse_members(value, kind, name)


def _refuse_members(value: dict[str, Any], kind: Any, name: str) -> None:
    known = isinstance(kind, GraphQLInputObjectType)
    fields, kept = (kind.fields, _OF_PROGRAMS.get(kind.name, ())) if known else ({}, ())
    for key, item in value.items():
        _refuse(key, None, name)
        if key not in kept:
            _refuse(item, fields[key].type if key in fields else None, f"{name}.{key}")


def _bad_input(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
