"""Writes, on many nodes."""

from tests.graph.test_write_promises import *
