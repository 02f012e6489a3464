"""Node for the tests that speak to the server as JavaScript clients do."""

import os
from pathlib import Path

import pytest

from tests.node.runner import Missing, Node, install


@pytest.fixture(scope="session")
def node() -> Node:
    """Runs this folder's scripts; all workers of a run share one installation, which goes with the run."""
    try:
        return install(Path(os.environ["TESTS_CLUSTER"]) / "node")
    except Missing as missing:
        pytest.skip(str(missing))
