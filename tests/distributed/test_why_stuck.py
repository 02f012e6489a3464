"""Reads, on many nodes."""

from tests.graph.test_why_stuck import *
