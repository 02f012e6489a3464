"""Reads, on many nodes."""

from tests.graph.test_record_filters import *
