"""The database's schema as SQL text, without partitions: what `migrations/schema.sql` holds.

`python -m tests.schema_dump FILE` writes it for a database that the migrations made.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from sqlalchemy.engine import make_url

from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.migrate import migrate
from tests.postgres import PROGRAMS, program

_PARTITION = re.compile(r"_\d{8}$")


def dump(url: str) -> str:
    """What pg_dump says of the database's tables, less comments and the tool's own settings."""
    parts = make_url(url)
    command = [
        str(program("pg_dump")),
        *("--schema-only", "--no-owner", "--no-privileges", "--exclude-table=*_[0-9]{8}"),
        "--extension=plpgsql",  # the embedded PostgreSQL adds others
        *("--exclude-table=alembic_version", "--dbname", str(parts.database)),
        *("--host", str(parts.query["host"]), "--username", str(parts.username)),
    ]
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PGPASSWORD": str(parts.password)},
    )
    noise = ("--", "SET ", "SELECT pg_catalog", "\\restrict", "\\unrestrict")
    lines = [line for line in run.stdout.splitlines() if not line.startswith(noise)]
    return re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip() + "\n"


def main() -> None:
    """Write the dump of a fresh, migrated database."""
    with tempfile.TemporaryDirectory(prefix="flowkeep-schema-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name), programs=PROGRAMS) as url:
            asyncio.run(_migrated(url))
            Path(sys.argv[1]).write_text(dump(url))


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


if __name__ == "__main__":
    main()
