"""Which PostgreSQL the tests run on: an installed wheel's, or the one whose programs TESTS_POSTGRES names."""

import os
from pathlib import Path

import pytest

from db.embedded.installations import programs_folder

NAMED = "TESTS_POSTGRES"
PROGRAMS = Path(os.environ[NAMED]) if NAMED in os.environ else None


def program(name: str) -> Path:
    """One of PostgreSQL's programs, for this process to run as itself."""
    path = programs_folder(Path("/nonexistent"), None, PROGRAMS) / name
    if not path.is_file():
        pytest.skip(f"There is no {name} in {path.parent}.")
    return path
