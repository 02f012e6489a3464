"""Which PostgreSQL the tests run on, and where those of other versions are.

They run on an installed wheel's, or on the one whose programs TESTS_POSTGRES names:
`TESTS_POSTGRES=/usr/lib/postgresql/15/bin make test`.
"""

import os
from pathlib import Path

import pytest

from db.embedded.installations import programs_folder

NAMED = "TESTS_POSTGRES"
PROGRAMS = Path(os.environ[NAMED]) if NAMED in os.environ else None
# Where tests.versions.download puts them.
DOWNLOADED = Path(__file__).parent.parent / ".postgres"


def program(name: str) -> Path:
    """One of PostgreSQL's programs, for this process to run as itself."""
    path = programs_folder(Path("/nonexistent"), None, PROGRAMS) / name
    if not path.is_file():
        pytest.skip(f"There is no {name} in {path.parent}.")
    return path


def programs_of(major: int) -> Path:
    """The folder of a version's programs; skips the test where there is none."""
    places = [
        Path(f"/usr/lib/postgresql/{major}/bin"),  # Debian's
        Path(f"/usr/pgsql-{major}/bin"),  # PostgreSQL's own packages for Red Hat
        Path(f"/opt/homebrew/opt/postgresql@{major}/bin"),
        DOWNLOADED / str(major) / "bin",
    ]
    for place in places:
        if (place / "initdb").is_file():
            return place
    pytest.skip(
        f"There is no PostgreSQL {major}: `make servers` fetches it. Looked in {', '.join(map(str, places))}."
    )
