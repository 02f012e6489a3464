"""What a command is told from outside: settings, variables that are none, and which service is meant."""

import logging
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from db.errors import NotReady
from graph.cli import app
from graph.commands.environment import Service, find_service, load_settings, warn_of_unknown_variables
from graph.settings import Settings, variable

Environment = pytest.MonkeyPatch


@pytest.mark.parametrize(
    ("environment", "url", "found"),
    [
        ({}, None, "http://127.0.0.1:8000/graphql"),
        ({"PORT": "9000"}, None, "http://127.0.0.1:9000/graphql"),
        ({"HOST": "0.0.0.0", "PORT": "9000"}, None, "http://127.0.0.1:9000/graphql"),
        ({"HOST": "::"}, None, "http://[::1]:8000/graphql"),
        ({"HOST": "10.1.2.3"}, None, "http://10.1.2.3:8000/graphql"),
        ({"URL": "https://there/graphql", "PORT": "9000"}, None, "https://there/graphql"),
        ({"URL": "https://there/graphql"}, "https://here/graphql", "https://here/graphql"),
        ({"URL": "http://there:9000"}, None, "http://there:9000/graphql"),
        ({"URL": "http://[::1]:9000/"}, None, "http://[::1]:9000/graphql"),
        ({"URL": "https://there/flowkeep/graphql"}, None, "https://there/flowkeep/graphql"),
        ({"URL": "there:9000"}, None, "there:9000"),
    ],
)
def test_a_command_speaks_to_the_service_it_is_told_or_to_that_of_this_machine(
    monkeypatch: Environment, environment: dict[str, str], url: str | None, found: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(variable(name), value)
    assert find_service(url) == Service(found, None)


def test_any_free_port_is_no_address(monkeypatch: Environment) -> None:
    monkeypatch.setenv("FLOWKEEP_PORT", "0")
    with pytest.raises(NotReady, match="--url or FLOWKEEP_URL"):
        find_service()


@pytest.mark.parametrize(("given", "shown"), [(None, "fk_env"), ("fk_option", "fk_option")])
def test_a_command_shows_its_token(monkeypatch: Environment, given: str | None, shown: str) -> None:
    monkeypatch.setenv("FLOWKEEP_TOKEN", "fk_env")
    assert find_service(token=given).token == shown


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("FLOWKEEP_POOLSIZE", "did you mean FLOWKEEP_POOL_SIZE?"),
        ("flowkeep_database_uri", "did you mean FLOWKEEP_DATABASE_URL?"),
        ("FLOWKEEP_SOMETHING_ELSE", "`flowkeep settings` lists"),
    ],
)
def test_a_variable_that_is_no_setting_is_told(
    monkeypatch: Environment, caplog: pytest.LogCaptureFixture, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "1")
    warn_of_unknown_variables()
    (record,) = caplog.records
    assert (record.levelno, name in record.message, hint in record.message) == (logging.WARNING, True, True)


def test_settings_are_no_strangers(monkeypatch: Environment, caplog: pytest.LogCaptureFixture) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(variable(name), "")
    warn_of_unknown_variables()
    assert caplog.records == []


def test_what_cannot_be_understood_is_named(monkeypatch: Environment) -> None:
    monkeypatch.setenv("FLOWKEEP_POOL_SIZE", "many")
    with pytest.raises(NotReady, match=r"FLOWKEEP_POOL_SIZE: .*integer"):
        load_settings()


def shown_settings(**environment: str) -> dict[str, Any]:
    """What `flowkeep settings` prints, by name."""
    run = CliRunner().invoke(app, ["settings", "--json"], env=environment)
    assert run.exit_code == 0, run.output
    return {row.pop("name"): row for row in orjson.loads(run.stdout)}


def test_the_settings_can_be_read_back() -> None:
    shown = shown_settings(FLOWKEEP_PORT="9000", FLOWKEEP_CORS_ORIGINS='["https://a"]')
    assert set(shown) == {variable(name) for name in Settings.model_fields}
    assert shown["FLOWKEEP_PORT"] == {"value": 9000, "from": "environment"}
    assert shown["FLOWKEEP_CORS_ORIGINS"] == {"value": ["https://a"], "from": "environment"}
    assert shown["FLOWKEEP_HEARTBEAT"] == {"value": 15.0, "from": "default"}
    assert shown["FLOWKEEP_DATA_DIR"] == {"value": None, "from": "default"}


@pytest.mark.parametrize("name", ["FLOWKEEP_DATABASE_URL", "FLOWKEEP_TOKEN"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_secret_is_shown(name: str, form: list[str]) -> None:
    run = CliRunner().invoke(app, ["settings", *form], env={name: "postgresql://me:hidden@host/db"})
    assert (name in run.output, "hidden" in run.output) == (True, False)


def test_the_database_is_shown_without_its_password() -> None:
    shown = shown_settings(FLOWKEEP_DATABASE_URL="postgresql://me:hidden@host/db?sslmode=require")
    assert shown["FLOWKEEP_DATABASE_URL"]["value"] == "postgresql://me:***@host/db?sslmode=require"
