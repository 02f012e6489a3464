"""The `flowkeep` command.

A subcommand is imported when it is called: to load them all takes longer than most of them run.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from db.errors import FlowkeepError
from graph.commands.terminal import say

# Name: where it is, and what `flowkeep --help` says of it, which is how its own help begins.
SUBCOMMANDS = {
    "serve": ("graph.commands.serve:serve", "Serve GraphQL over HTTP until Ctrl-C or SIGTERM."),
    "migrate": ("graph.commands.migrate:migrate", "Bring the database's schema to this release."),
    "export-schema": (
        "graph.commands.export_schema:export_schema",
        "Print the GraphQL schema in SDL, every type and field described.",
    ),
    "check": (
        "graph.commands.check:check",
        "Prove that the database is whole: rows have their executions, links their ends, indexes their rows.",
    ),
    "distribute": (
        "graph.commands.distribute:distribute_database",
        "Spread a database's executions over the nodes of a Citus cluster.",
    ),
    "tail": (
        "graph.commands.tail:tail",
        "Print the log of an execution, from its beginning and then as it is written, until Ctrl-C.",
    ),
    "settings": (
        "graph.commands.settings:show_settings",
        "Print every setting with its value and where that came from; passwords and tokens are masked.",
    ),
    "export": (
        "graph.commands.export:export",
        "Write executions with everything of them as lines of JSON, for `flowkeep import bundle`.",
    ),
    "import": ("graph.commands.imports:imports", "Take in history that was made elsewhere."),
    "token": ("graph.commands.token:tokens", "Say who may call the API."),
    "retention": ("graph.commands.retention:policies", "Say how long history is kept."),
}


def load(name: str) -> Any:
    """The subcommand as typer's command, its module imported."""
    module, attribute = SUBCOMMANDS[name][0].split(":")
    found, parent = getattr(import_module(module), attribute), typer.Typer()
    if isinstance(found, typer.Typer):
        parent.add_typer(found, name=name)
    else:
        parent.command(name)(found)
    return get_group(parent).commands[name]


class Subcommands(TyperGroup):
    """A group whose members are names and sentences until one is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The one that is called, loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(command.name or ""), rest

    def invoke(self, ctx: Any) -> Any:
        """Run it; what the user can mend is told in one sentence, with exit code 1."""
        try:
            return super().invoke(ctx)
        except FlowkeepError as error:
            say(f"flowkeep: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=Subcommands,
    name="flowkeep",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"flowkeep {version('flowkeep')}")
        raise typer.Exit


@app.callback()
def flowkeep(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """System of record for workflow engines: a GraphQL service over PostgreSQL.

    Without FLOWKEEP_DATABASE_URL every command uses an embedded PostgreSQL, started when it is needed.
    """


for _name, (_place, _summary) in SUBCOMMANDS.items():
    app.command(_name, help=_summary)(lambda: None)


def main() -> None:
    """Run the command line."""
    app()
