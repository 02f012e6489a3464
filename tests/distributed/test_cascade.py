"""Writes, on many nodes."""

from tests.graph.test_cascade import *
