"""Writes, on many nodes."""

from tests.graph.test_bulk_writes import *
