"""Reads, on many nodes."""

from tests.graph.test_error_groups import *
