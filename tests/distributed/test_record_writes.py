"""Writes, on many nodes."""

from tests.graph.test_record_writes import *
