"""Writes, on many nodes."""

from tests.graph.test_lease_writes import *
