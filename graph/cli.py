"""The `flowkeep` command."""

import sys

import typer

from db.embedded import EmbeddedPostgresError
from db.errors import FlowkeepError
from graph.commands.check import check
from graph.commands.export import export_schema
from graph.commands.imports import imports
from graph.commands.migrate import migrate
from graph.commands.retention import policies
from graph.commands.serve import serve
from graph.commands.tail import tail
from graph.commands.token import tokens

app = typer.Typer(
    name="flowkeep",
    help="System of record for workflow engines: a GraphQL service over PostgreSQL.\n\n"
    "Without FLOWKEEP_DATABASE_URL every command uses an embedded PostgreSQL, started when it is needed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve)
app.command()(migrate)
app.command("export-schema")(export_schema)
app.command()(check)
app.command()(tail)
app.add_typer(imports, name="import")
app.add_typer(tokens, name="token")
app.add_typer(policies, name="retention")


def main() -> None:
    """Run the command line; what the user can mend is told in one sentence, with exit code 1."""
    try:
        app()
    except (FlowkeepError, EmbeddedPostgresError) as error:
        typer.echo(f"flowkeep: {error}", err=True)
        sys.exit(1)
