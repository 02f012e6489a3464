"""Writes, on many nodes."""

from tests.graph.test_step_writes import *
