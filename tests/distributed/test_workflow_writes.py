"""Writes, on many nodes."""

from tests.graph.test_workflow_writes import *
