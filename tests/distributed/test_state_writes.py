"""Writes, on many nodes."""

from tests.graph.test_state_writes import *
