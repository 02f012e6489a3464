"""Reads, on many nodes."""

from tests.graph.test_metrics import *
