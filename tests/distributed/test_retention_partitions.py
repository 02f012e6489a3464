"""Partitions that go, on many nodes."""

from tests.db.test_retention_partitions import *
