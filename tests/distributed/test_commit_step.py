"""Writes, on many nodes."""

from tests.graph.test_commit_step import *
