"""Writes, on many nodes."""

from tests.graph.test_recovery import *
