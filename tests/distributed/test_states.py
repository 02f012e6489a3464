"""Reads, on many nodes."""

from tests.graph.test_states import *
