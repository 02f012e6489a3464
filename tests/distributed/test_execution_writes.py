"""Writes, on many nodes."""

from tests.graph.test_execution_writes import *
