"""Writes, on many nodes."""

from tests.graph.test_bulk_writes import *

# Each is made by itself, on its execution's node.
del test_many_heartbeats_are_one_statement  # noqa: F821
