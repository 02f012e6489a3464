"""Writes, on many nodes."""

from tests.graph.test_checkpoint_writes import *
