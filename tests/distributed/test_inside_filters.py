"""Reads, on many nodes."""

from tests.graph.test_inside_filters import *
